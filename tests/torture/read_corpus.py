"""Reads the whole corpus, and prints of each picture what came of it and the memory that took.

Run by test_corpus.py in a process of its own: ``python -m tests.torture.read_corpus SEED``.
A crash ends the process, which is the test.
"""

import hashlib
import json
import sys
from pathlib import Path

from lookalike.errors import PictureError
from lookalike.picture import PictureContract, read_picture
from torture.case import Outcome, PictureCase
from torture.corpus import corpus

CONTRACT = PictureContract(size=32)
FORGET_PEAK = "5"  # proc(5), /proc/pid/clear_refs


def outcome_of(data: bytes) -> Outcome:
    try:
        assert read_picture(data, CONTRACT).shape == (32, 32, 3)
    except PictureError as error:
        return Outcome(error.status, error.type)
    return Outcome(200)


def memory(line: str) -> int:
    """Bytes of ``VmHWM``, the most since the peak was forgotten, or of ``VmRSS``, now."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{line}:")[2].split()[0]) * 1024


def main(seed: int) -> None:
    for case in corpus(seed):
        if not isinstance(case, PictureCase):
            continue
        data = case.make()
        Path("/proc/self/clear_refs").write_text(FORGET_PEAK)
        before = memory("VmRSS")
        outcome = outcome_of(data)
        taken = memory("VmHWM") - before
        digest = hashlib.sha256(data).hexdigest()
        sys.stdout.write(json.dumps([case.name, outcome, taken, digest]) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
