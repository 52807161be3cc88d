"""What a replica pays for looking at recorded changes, and a job for reading them, packed or not.

Nine in ten records are deletions, one is an addition with its vector. A look is what every
worker does twice a second while nothing is new; reading all is what a rebuild does, and a
replica that serves an older version. After packing as many records still have a file of their
own as may: the next one would make another pack.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from bench.command import Plan, command
from bench.facts import Fact
from bench.harness import Candidate
from bench.synthetic import DIMENSIONS
from indexing.packing import FEW, pack
from lookalike.changes import Addition, Additions, Change, ChangeLog, Deletion, Record
from lookalike.changes.record import Embedding, now
from lookalike.errors import ConfigurationError
from lookalike.progress import track
from lookalike.store import Location

COUNT, QUICK_COUNT = 100_000, 2_000
LOOKS = 20
ADDITIONS = 10  # every tenth record is one
MB = 1e6


@contextmanager
def changes(quick: bool) -> Iterator[Plan]:
    """Write one log twice, and pack one of the two."""
    count = QUICK_COUNT if quick else COUNT
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        files, packed = Path(name) / "files", Path(name) / "packed"
        for folder in (files, packed):
            _write(folder, 0, count)
        log = ChangeLog(Location(str(packed)))
        pack(log)
        pack(log, settled_seconds=0)
        size = sum(path.stat().st_size for path in packed.iterdir())
        for folder in (files, packed):
            _write(folder, count, FEW)
        candidates = [*_candidates("files", files, None), *_candidates("packed", packed, "files")]
        _check(files, packed)
        yield Plan(
            item="looks and readings",
            rounds=2 if quick else 5,
            candidates=candidates,
            facts=[
                Fact(name="files.count", value=_files(files), unit="files before"),
                Fact(name="packed.count", value=_files(packed), unit="files after"),
                Fact(name="packed.size", value=size / MB, unit="MB of the pack"),
            ],
        )


def _candidates(name: str, folder: Path, baseline: str | None) -> Iterator[Candidate]:
    log = ChangeLog(Location(str(folder)))
    known = log.news()

    def look() -> None:
        for _ in range(LOOKS):
            log.news(known.names, known.packs)

    of = None if baseline is None else f"{baseline}.look"
    yield Candidate(name=f"{name}.look", items=LOOKS, run=look, baseline=of)
    # A version that was built with all changes, opened anew: as after a swap.
    of = None if baseline is None else f"{baseline}.first_look"
    first = partial(log.news, known.names)
    yield Candidate(name=f"{name}.first_look", items=1, run=first, baseline=of)
    of = None if baseline is None else f"{baseline}.all"
    yield Candidate(name=f"{name}.all", items=1, run=log.standing, baseline=of)


def _check(files: Path, packed: Path) -> None:
    one, other = (ChangeLog(Location(str(folder))).standing() for folder in (files, packed))
    if (one.deleted, one.added) != (other.deleted, other.added):
        raise ConfigurationError("packed, the changes say something else than they did")


def _write(folder: Path, first: int, count: int) -> None:
    """Write records as a log does, but for the order in which they reach the disk."""
    folder.mkdir(exist_ok=True)
    for number in track(range(first, first + count), "writing records"):
        name = f"{10**18 + number:020d}-{number:012x}.json"
        (folder / name).write_bytes(Record(name, now(), _change(number)).encode())


def _change(number: int) -> Change:
    name = f"pictures/of a catalogue/{number:09d}.jpg"
    if number % ADDITIONS:
        return Deletion([name])
    draw = np.random.default_rng(number)
    vector = draw.random(DIMENSIONS, np.float32).astype("<f4").tobytes()
    made_by = Embedding(model="embedder", version=1, weights_sha256="0" * 64, vector=vector)
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return Additions([Addition(name, sha256, "label", {"price": number}, made_by)])


def _files(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


main = command("changes", changes)

if __name__ == "__main__":
    main()
