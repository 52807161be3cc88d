"""Every command and every example of the documents is run, or something in its place."""

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.documents.reading import Command, Program, commands, mentions, programs
from tests.documents.rules import RULES, rule_for
from tests.documents.site import Site


def runnable() -> Iterator[Command]:
    """Give the commands of the shell blocks, and those mentioned that are complete."""
    yield from commands()
    yield from (mention for mention in mentions() if rule_for(mention.text, RULES))


def parameters(found: Iterable[Command]) -> list[object]:
    """Make a parameter of each command, on the first page that it stands on."""
    first = {command.text: command for command in reversed(list(found))}
    return [
        pytest.param(command.text, id=f"{command.page}: {command.text}", marks=marks(command.text))
        for command in sorted(first.values())
    ]


def marks(command: str) -> list[pytest.MarkDecorator]:
    rule = rule_for(command, RULES)
    needs_curl = command.startswith("curl ") and shutil.which("curl") is None
    missing = pytest.mark.skipif(needs_curl, reason="there is no curl on this machine")
    return [missing, *([pytest.mark.long] if rule is not None and rule.long else [])]


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, real_cache: Path, base_weights: object
) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"), real_cache)
    yield site
    site.close()


@pytest.mark.parametrize("command", parameters(runnable()))
def test_a_command_runs(site: Site, command: str) -> None:
    site.run(command)


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.page)
def test_an_example_runs(site: Site, program: Program) -> None:
    if "Client(" in program.text:
        site.run("make serve")
    site.python(program.text)


def test_every_command_has_a_rule() -> None:
    assert [c for c in commands() if rule_for(c.text, RULES) is None] == []


def test_every_rule_is_of_a_command_and_says_why_it_runs_something_else() -> None:
    documented = [command.text for command in (*commands(), *mentions())]
    used = {rule.pattern for text in documented if (rule := rule_for(text, RULES))}
    assert [rule.pattern for rule in RULES if rule.pattern not in used] == []
    assert all(rule.why for rule in RULES if rule.instead is not None or rule.cluster)


def test_a_command_without_a_rule_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "1. Do\n\n   ```sh\n   lookalike dance --fast \\\n       now   # a comment\n   ```\n"
    )
    (command,) = commands([page])
    assert re.fullmatch("lookalike dance --fast now", command.text)
    assert rule_for(command.text, RULES) is None
