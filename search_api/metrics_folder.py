"""The folder that all workers count in: made by the master, and gone with it.

One that was killed takes nothing away; the next one does, so that memory that is shared, and in a
container little, does not fill up.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PREFIX = "lookalike-metrics-"
# A younger one may have been made a moment ago, and not be held yet.
YOUNG_SECONDS = 60.0


def make_metrics_folder(parent: str | None) -> str:
    """Make a folder that is held for as long as this process or one that it forks lives.

    Args:
        parent: where; None: where temporary files are.
    """
    folder = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
    # Never closed: workers have it too, and the kernel lets go of it as the last of them ends.
    held = os.open(folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    _clear_abandoned(Path(folder).parent)
    master = os.getpid()

    def take_away() -> None:
        if os.getpid() == master:  # a worker's end must leave it there
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(take_away)
    return folder


def _clear_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        # It may be another user's, or be gone by now.
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > YOUNG_SECONDS and not _is_held(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_held(folder: Path) -> bool:
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(opened)
    return False
