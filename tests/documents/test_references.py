"""The documents tell the truth: commands exist with the flags shown, links lead somewhere."""

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from lookalike.cli import lookalike
from tests.documents.reading import PAGES, ROOT, commands, mentions

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def of_program(name: str) -> list[tuple[str, str]]:
    """List (page, command) of every command in the documents that runs this program."""
    found = []
    for page, command in (*commands(), *mentions()):
        words = [word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word)]
        if words and Path(words[0]).name == name:
            found.append((page, command))
    return found


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """Follow subcommands as far as they go; give the command and the words left over."""
    command: click.Command = lookalike
    context = click.Context(lookalike)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]!r}"
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize(("page", "command"), of_program("lookalike"))
def test_lookalike_commands_exist_with_the_flags_shown(page: str, command: str) -> None:
    words = [word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word)]
    found, left = resolve(words[1:])
    known = {name for parameter in found.params for name in parameter.opts}
    known |= {name for parameter in found.params for name in parameter.secondary_opts}
    known |= {"--help", "-h"}
    flags = {word.split("=")[0] for word in left if word.startswith("-") and word != "-"}
    assert flags <= known, f"{page}: {command}"


@pytest.mark.parametrize(("page", "command"), of_program("make"))
def test_make_targets_exist(page: str, command: str) -> None:
    words = shlex.split(command)[1:]
    targets = [word for word in words if "=" not in word and not word.startswith("-")]
    help_text = subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    listed = {line.split()[0] for line in help_text.splitlines()}
    assert set(targets) <= listed, f"{page}: {command}"


def test_make_help_lists_the_targets_that_people_expect() -> None:
    expected = (
        "setup demo train evaluate export-model reindex serve model-server search test lint "
        "typecheck bench manifests clean"
    )
    help_text = subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    listed = {line.split()[0]: line.split()[1:] for line in help_text.splitlines()}
    assert set(expected.split()) <= set(listed)
    assert all(listed.values())


@pytest.mark.parametrize("target", ["demo", "demo-check", "train", "reindex", "search"])
def test_make_takes_names_with_spaces(target: str) -> None:
    given = [f"{name}=my photos" for name in ("PICTURES", "VALIDATION", "PICTURE")]
    told = subprocess.run(
        ["make", "-n", target, *given], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    [command] = [line for line in told.splitlines() if "/lookalike " in line]
    assert "my photos" in shlex.split(command)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def test_what_the_limits_say_of_missed_goals_is_printed_in_the_benchmarks() -> None:
    limits, benchmarks = (
        (ROOT / "docs" / name).read_text() for name in ("limits.md", "benchmarks.md")
    )
    section = limits.partition("## Goals that were missed")[2].partition("## By design")[0]
    told = re.findall(r"(?<![\d.])\d*\.\d+(?!\d)", section)
    assert len(told) > 5
    assert [figure for figure in told if figure not in benchmarks] == []
