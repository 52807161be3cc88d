"""Prints the peak memory, in bytes, that reading one picture file adds to this process.

Run by test_memory.py: ``python -m tests.picture.peak_memory FILE``.
"""

import sys
from pathlib import Path

from lookalike.picture import PictureContract, read_picture
from tests.picture import files

RESET_PEAK = "5"  # proc(5), /proc/pid/clear_refs


def resident(field: str) -> int:
    """Read ``VmRSS`` (now) or ``VmHWM`` (peak) of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def main(path: Path) -> None:
    """Warm the decoders up on a small picture of each format, then read ``path``."""
    contract = PictureContract()
    for name in files.EXTENSIONS:
        read_picture(files.encode(files.quadrants(), name), contract)
    data = path.read_bytes()
    Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    before = resident("VmRSS")
    read_picture(data, contract, max_decoded_bytes=1 << 40)
    sys.stdout.write(f"{resident('VmHWM') - before}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
