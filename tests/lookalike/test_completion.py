"""What a press of the tab key gives, in the shells themselves: bash, and Debian's fish and zsh."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.debian import libraries, unpacked

TYPED = [
    ("ex", ["export-model", "extract"]),
    ("search --ur", ["--url"]),
    ("index ro", ["rollback"]),
]
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "TERM": "dumb",
}
# Its modules and functions lie elsewhere than it was built for.
ZSH = """module_path=({root}/usr/lib/*/zsh/*(N)); fpath=({root}/usr/share/zsh/functions/**/*(/N))
autoload -U compinit; compinit -D -u; eval "$(lookalike completion zsh)"; PS1='re''ady> '
"""
INSTALLED = Path("/")
SECONDS = 30.0
CLEAR_LINE = "\x15"


def shell(name: str, program: str, cache: Path) -> Path:
    """Give the folder that a shell lies in as in ``/``, which it is where it is installed."""
    if (INSTALLED / program).exists():
        return INSTALLED
    return unpacked(name, cache, lambda root: (root / program).exists())


def output(*command: str | Path, **environment: str) -> str:
    finished = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**ENVIRONMENT, **environment}
    )
    return finished.stdout


@pytest.mark.parametrize(("typed", "completed"), TYPED)
def test_bash_completes_subcommands_and_flags(typed: str, completed: list[str]) -> None:
    words = f"lookalike {typed}".split()
    program = (
        'eval "$(lookalike completion bash)"; '
        f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
        '_lookalike_completion lookalike; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert output("/bin/bash", "-c", program).split() == completed


def test_fish_completes_subcommands_and_flags(real_cache: Path, tmp_path: Path) -> None:
    root = shell("fish", "usr/bin/fish", real_cache)
    asked = [f'complete -C "lookalike {typed}"' for typed, _ in TYPED]
    program = "; ".join(["lookalike completion fish | source", *asked])
    own = {} if root == INSTALLED else libraries(root)
    environment = {**own, "HOME": str(tmp_path)}
    told = output(root / "usr/bin/fish", "--no-config", "-c", program, **environment)
    names = [line.partition("\t")[0] for line in told.splitlines() if line]
    assert names == [name for _, completed in TYPED for name in completed]


def test_zsh_completes_subcommands_and_flags(real_cache: Path) -> None:
    root = shell("zsh", "bin/zsh", real_cache)
    terminal = Terminal([str(root / "bin/zsh"), "-f", "-i"])
    terminal.type(ZSH.format(root=root))
    terminal.await_all(["ready> "])
    for typed, completed in TYPED:
        terminal.type(f"lookalike {typed}\t")
        terminal.await_all(completed)
        terminal.type(CLEAR_LINE)
    terminal.close()


class Terminal:
    """A program at a terminal, as a person sits at."""

    def __init__(self, command: list[str]) -> None:
        self._terminal, its = pty.openpty()
        self._process = subprocess.Popen(
            command, stdin=its, stdout=its, stderr=its, env=ENVIRONMENT, start_new_session=True
        )
        os.close(its)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def await_all(self, words: list[str]) -> None:
        """Wait until all of some words were shown."""
        shown, end = "", time.monotonic() + SECONDS
        while not all(word in shown for word in words):
            assert time.monotonic() < end, shown
            if select.select([self._terminal], [], [], 0.1)[0]:
                shown += os.read(self._terminal, 1 << 16).decode()

    def close(self) -> None:
        os.close(self._terminal)
        self._process.wait(SECONDS)
