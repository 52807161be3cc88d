"""The generated pages are what the code gives, and name everything that there is."""

import pytest

from lookalike.cli import lookalike
from reference import DOCS, PAGES
from reference.cli import cli_page
from search_api.app import bare_app
from search_api.openapi import document


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_the_one_that_the_code_gives(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "run .venv/bin/python -m reference"


def test_the_settings_and_the_terminal_change_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LOOKALIKE_STORE", "/elsewhere")
    monkeypatch.setenv("LOOKALIKE_BIND", "127.0.0.1:9999")
    assert {name: page() for name, page in PAGES.items()} == {
        name: (DOCS / name).read_text() for name in PAGES
    }


def test_every_command_has_its_help() -> None:
    context = lookalike.make_context("lookalike", ["train", "--help"])
    told = cli_page()
    for name in lookalike.list_commands(context):
        assert f"\n## lookalike {name}\n" in told
    assert "--interpolation FLOAT" in told
    assert "\n## lookalike index rollback\n" in told


def test_every_path_and_schema_has_its_section() -> None:
    described, page = document(bare_app()), PAGES["http_api.md"]()
    for path, item in described["paths"].items():
        for method in item.keys() - {"parameters"}:
            assert f"\n## `{method.upper()} {path}`\n" in page
    for name in described["components"]["schemas"]:
        assert f"\n### {name}\n" in page
