"""What this user may do with a folder: the system is asked, and nothing is tried."""

import os
from pathlib import Path

READ, WRITTEN, ENTERED = "read", "written to", "entered"
RIGHTS = {READ: os.R_OK, WRITTEN: os.W_OK, ENTERED: os.X_OK}


def is_there(path: Path) -> bool:
    """Tell whether there is anything, as far as this user can see; raises nothing."""
    return os.access(path, os.F_OK)


def refused(folder: Path) -> list[str]:
    """Say what may not be done with a folder, in words that go after "may not be"."""
    return [word for word, right in RIGHTS.items() if not os.access(folder, right)]
