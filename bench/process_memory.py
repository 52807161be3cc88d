"""What processes hold in memory, by proportional set size (PSS): what they share counts once.

As proc(5) has it, /proc/PID/smaps_rollup. It imports nothing, for programs that fork first.
"""

from pathlib import Path


def pss(*processes: int) -> int:
    """Count the bytes that processes hold together.

    Raises:
        FileNotFoundError, ProcessLookupError: one of them has ended.
    """
    return sum(map(_pss, processes))


def children(process: int) -> list[int]:
    """List the processes that any thread of one has started."""
    files = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def _pss(process: int) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
