"""Prints the peak memory, in bytes, that reading one picture file adds to this process.

``python -m bench.peak_memory FILE``, in a process of its own each time.
"""

import sys
from pathlib import Path

from bench.picture_files import writers
from lookalike.picture import PictureContract, read_picture

RESET_PEAK = "5"  # proc(5), /proc/pid/clear_refs
WARM_UP_SIDE = 64


def resident(field: str) -> int:
    """Read ``VmRSS`` (now) or ``VmHWM`` (peak) of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def main(path: Path) -> None:
    """Warm the decoders up on a small picture of each format, then read ``path``."""
    contract = PictureContract()
    for write in writers(WARM_UP_SIDE).values():
        read_picture(write(), contract)
    data = path.read_bytes()
    Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    before = resident("VmRSS")
    read_picture(data, contract, max_decoded_bytes=1 << 40)
    sys.stdout.write(f"{resident('VmHWM') - before}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
