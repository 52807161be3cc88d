"""What the documents say to type: commands and programs, taken out of all pages."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`((?:lookalike|make) [^`]+)`")
COMMENT = re.compile(r"\s+#.*")
# What comes after it is run elsewhere: by a shell in a pod.
ELSEWHERE = " -- "


class Command(NamedTuple):
    """One command, on one line, and the page that it stands on."""

    page: str
    text: str


class Program(NamedTuple):
    """One example in Python."""

    page: str
    text: str


def blocks(page: Path, language: str) -> list[str]:
    """Give the fenced blocks of one language."""
    return [text for found, text in BLOCK.findall(page.read_text()) if found == language]


def commands(pages: list[Path] = PAGES) -> list[Command]:
    """Give the commands of all shell blocks, in order; a pod's own commands by themselves too."""
    return [
        Command(page.name, part)
        for page in pages
        for block in blocks(page, "sh")
        for line in _lines(block)
        for part in _with_inner(line)
    ]


def mentions(pages: list[Path] = PAGES) -> list[Command]:
    """Give the commands that stand within sentences and tables."""
    return [
        Command(page.name, " ".join(text.split()))
        for page in pages
        for text in INLINE.findall(page.read_text())
    ]


def programs(pages: list[Path] = PAGES) -> list[Program]:
    """Give the examples in Python."""
    return [Program(page.name, text) for page in pages for text in blocks(page, "python")]


def _lines(block: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", "", block)
    lines = [COMMENT.sub("", line).strip() for line in joined.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _with_inner(line: str) -> list[str]:
    _, _, inner = line.partition(ELSEWHERE)
    return [line, inner] if inner.startswith("lookalike") else [line]
