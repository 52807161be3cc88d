"""The peak memory of a program of its own."""

import subprocess
import sys

# Not getrusage: its peak begins with that of the process which started this one.
REPORT = """
with open("/proc/self/status") as status:
    print(*[line.split()[1] for line in status if line.startswith("VmHWM:")])
"""


def peak_bytes(program: str, *arguments: str) -> int:
    """Run a Python program, and give the most memory that it had in use, in bytes."""
    finished = subprocess.run(
        [sys.executable, "-c", program + REPORT, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(finished.stdout) * 1024
