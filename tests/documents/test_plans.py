"""What the pages show of a plan is what ``lookalike plan`` prints of it."""

import shlex
from pathlib import Path

import pytest

from lookalike.cli import lookalike
from tests.documents.reading import ROOT, blocks, commands

PAGES = [ROOT / "docs" / name for name in ("capacity.md", "cost.md", "tune.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_plan_of_a_page_is_printed_by_a_command_of_it(
    page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))  # no calibration is there
    printed = ""
    for command in commands([page]):
        if command.text.startswith("lookalike plan "):
            lookalike.main(shlex.split(command.text)[1:], standalone_mode=False)
            printed += capsys.readouterr().out
    shown = blocks(page, "text")
    assert shown
    assert [text for text in shown if text not in printed] == []
