"""SIGKILL of a process at a chosen change of a file."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Audit events of everything that changes a file (docs.python.org/3/library/audit_events.html).
CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "sqlite3.connect"}


class ChangeCounter:
    """Counts changes of files below ``root``, and dies at the ``kill_at``-th."""

    def __init__(self, root: Path, kill_at: int | None) -> None:
        self._root, self._kill_at, self.count = str(root), kill_at, 0
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES and self._root in str(arguments[0]):
            self.count += 1
            if self.count == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def run_apart(program: Callable[..., None], *arguments: Any) -> tuple[int | None, int]:
    """Run a program in a process of its own; give its exit code and the changes that it counted.

    Args:
        program: a module's function; it puts its count into what it is given last.
        arguments: that it is given before.
    """
    spawn = multiprocessing.get_context("spawn")
    changes = spawn.Value("i", 0)
    process = spawn.Process(target=program, args=(*arguments, changes))
    process.start()
    process.join()
    return process.exitcode, changes.value
