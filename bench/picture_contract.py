"""What the picture contract costs: time beside bare OpenCV, and memory beside its estimate.

``opencv`` decodes at the scale that the contract would choose, and resizes by area: no
limits, no walk through the container, no orientation, no padding. ``header`` is the walk.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from bench.command import Plan, command
from bench.facts import Fact
from bench.harness import Candidate
from bench.picture_files import encoded, smooth, writers
from lookalike.picture import PictureContract, decoded_bytes, inspect_picture, read_picture
from lookalike.progress import track

CONTRACT = PictureContract()
# Width, height, and the reduction at which the longer side still reaches the contract's.
JPEGS = {
    "jpeg500": (500, 375, cv2.IMREAD_REDUCED_COLOR_2),
    "jpeg1600": (1600, 1200, cv2.IMREAD_REDUCED_COLOR_4),
    "jpeg4000": (4000, 3000, cv2.IMREAD_REDUCED_COLOR_8),
}
QUALITY = 90
CALLS = 20


@contextmanager
def picture_contract(quick: bool) -> Iterator[Plan]:
    """Time one thread; measure memory in a process for each file."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield Plan(
        item="pictures",
        rounds=2 if quick else 15,
        candidates=[candidate for name in JPEGS for candidate in _candidates(name, quick)],
        facts=list(_memory(480 if quick else 3000)),
    )
    cv2.setNumThreads(threads)


def _candidates(name: str, quick: bool) -> Iterator[Candidate]:
    width, height, reduction = JPEGS[name]
    data = encoded(smooth(width, height), ".jpg", cv2.IMWRITE_JPEG_QUALITY, QUALITY)
    calls = 2 if quick else CALLS
    bare, ours = f"{name}.opencv", f"{name}.contract"
    ways: tuple[tuple[str, Callable[[], object], str | None], ...] = (
        (bare, partial(_opencv, data, reduction), None),
        (ours, partial(read_picture, data, CONTRACT), bare),
        (f"{name}.header", partial(inspect_picture, data), ours),
    )
    for way, call, baseline in ways:
        run = partial(_often, call, calls)
        yield Candidate(name=way, items=calls, run=run, baseline=baseline)


def _opencv(data: bytes, reduction: int) -> None:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), reduction)
    assert picture is not None
    height, width = picture.shape[:2]
    longer = max(height, width)
    size = (width * CONTRACT.size // longer, height * CONTRACT.size // longer)
    cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _often(call: Callable[[], object], calls: int) -> None:
    for _ in range(calls):
        call()


def _memory(side: int) -> Iterator[Fact]:
    """Measure the peak and the estimate of every format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        for name, write in track(writers(side).items(), "measuring memory"):
            data = write()
            path.write_bytes(data)
            estimate = decoded_bytes(inspect_picture(data), CONTRACT)
            peak = peak_bytes(path) - len(data)  # a copy of the file always comes on top
            for what, value in (("peak", peak), ("estimate", estimate)):
                yield Fact(name=f"{name}, {what}", value=value / side**2, unit="bytes a pixel")


def peak_bytes(path: Path) -> int:
    """Read a picture in a process of its own, and give the memory that it took at most."""
    program = [sys.executable, "-m", "bench.peak_memory", str(path)]
    return int(subprocess.run(program, capture_output=True, check=True).stdout)


main = command("picture_contract", picture_contract)

if __name__ == "__main__":
    main()
