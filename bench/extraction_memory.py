"""Peak memory of an extraction, all its processes together, run in a process of its own.

``python -m bench.extraction_memory FOLDER COUNT`` extracts the first COUNT pictures of a
folder and prints the peak in bytes.
"""

import os
import sys
import tempfile
import threading
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np

from bench.process_memory import children, pss
from indexing.extraction.extract import Job, extract
from indexing.extraction.settings import ExtractionSettings
from lookalike.catalogue import Folder
from lookalike.index import ModelReference
from lookalike.picture import PictureContract
from lookalike.picture.contract import Pixels
from lookalike.vectors import Vectors

SIZE = 96
DIMENSIONS = 128
SAMPLE_SECONDS = 0.05
# Features are written while pictures are read, in the short run as in the long one.
SETTINGS = ExtractionSettings(processes=2, part_vectors=1024)


class Corner:
    """A stand-in for a model that computes nothing: some of the pixels in the middle."""

    def embed(self, pixels: Pixels) -> Vectors:
        """Give ``float32[n, 128]``, none of them all zero."""
        middle = pixels.reshape(len(pixels), -1)[:, pixels[0].size // 2 :][:, :DIMENSIONS]
        return middle.astype(np.float32) + 1

    def available_versions(self) -> set[int]:
        """There is only one."""
        return {1}

    def close(self) -> None:
        """There is nothing to close."""


def model(size: int) -> ModelReference:
    """Describe the stand-in as a model."""
    return ModelReference(
        name="stand-in",
        version=1,
        weights_sha256="",
        picture=PictureContract(size=size),
        dimensions=DIMENSIONS,
    )


class Peak(threading.Thread):
    """Watches the memory of this process and of those it has started."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._done = threading.Event()

    def run(self) -> None:
        """Look again and again."""
        while not self._done.wait(SAMPLE_SECONDS):
            with suppress(FileNotFoundError, ProcessLookupError):  # one has just ended
                self.bytes = max(self.bytes, pss(os.getpid(), *children(os.getpid())))

    def stop(self) -> int:
        """Give the peak."""
        self._done.set()
        self.join()
        return self.bytes


def main() -> None:
    """Extract and print the peak."""
    pictures, count = Path(sys.argv[1]), int(sys.argv[2])
    peak = Peak()
    peak.start()
    with tempfile.TemporaryDirectory() as folder:
        job = Job(store=folder, scratch=Path(folder), index="bench", model=model(SIZE))
        tally = extract(islice(Folder(pictures), count), job, Corner(), SETTINGS)
    assert tally.made == count
    print(peak.stop())


if __name__ == "__main__":
    main()
