"""docs/model_server.md and the command's flags say the same."""

import re
from pathlib import Path

from model_server.cli import model_server

PAGE = Path(__file__).parents[2] / "docs" / "model_server.md"


def test_the_page_lists_exactly_the_flags_of_the_command() -> None:
    table = PAGE.read_text().partition("## Flags")[2].partition("##")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `--")]
    listed = {flag for row in rows for flag in re.findall(r"--[a-z-]+", row)}
    flags = {
        flag for option in model_server.params for flag in (*option.opts, *option.secondary_opts)
    }
    assert listed == flags
