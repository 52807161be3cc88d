"""Opening: how long an index of a million takes to open, and what worker processes share."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import faiss
import msgspec

from bench import contenders
from bench.command import Plan, command
from bench.facts import Fact
from bench.harness import Candidate
from bench.opening_workers import DESCRIPTION, Opened
from bench.synthetic import DIMENSIONS, features
from indexing.build import Built
from indexing.factory import Recipe
from lookalike.index import SearchParameters
from lookalike.index.faiss_index import FaissIndex
from lookalike.vectors import Vectors

UNSHARDED = 10**9
# What DESIGN's table has for this type.
PARAMETERS = SearchParameters(nprobe=20, k_factor=6)
FACTORY, QUICK_FACTORY = "IVF2048,PQ64x4fs,Refine(SQfp16)", "IVF256,PQ64x4fs,Refine(SQfp16)"
WORKERS = (0, 1, 2, 4)
MB = 1e6


@contextmanager
def opening(quick: bool) -> Iterator[Plan]:
    """Build an index, open it again and again, and count the memory of its workers."""
    count, factory = (20_000, QUICK_FACTORY) if quick else (1_000_000, FACTORY)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name) / "version"
        vectors = features(count)
        _, built = contenders.ours(vectors, folder, UNSHARDED, Recipe(factory, PARAMETERS))
        whole = Path(name) / "whole.faiss"
        _write_whole(folder, built, whole, vectors)
        del vectors
        yield Plan(
            item="openings",
            rounds=2 if quick else 9,
            candidates=[
                Candidate(name="read", items=1, run=partial(faiss.read_index, str(whole))),
                Candidate(
                    name="mapped",
                    items=1,
                    run=partial(FaissIndex, folder, built.shards, built.search),
                    baseline="read",
                ),
            ],
            facts=list(_memory(folder, built)),
        )


def _write_whole(folder: Path, built: Built, path: Path, vectors: Vectors) -> None:
    """The same index as faiss itself writes it, to be read into memory."""
    index = faiss.read_index(str(folder / str(built.trained)))
    index.add(vectors)
    faiss.write_index(index, str(path))


def _memory(folder: Path, built: Built) -> Iterator[Fact]:
    opened = Opened(built.shards, built.search, DIMENSIONS)
    (folder / DESCRIPTION).write_bytes(msgspec.json.encode(opened))
    files = sum(
        (folder / name).stat().st_size for shard in built.shards for name in shard.faiss_files
    )
    yield Fact(name="files", value=files / MB, unit="MB of faiss files")
    total = {count: _pss(folder, count) for count in WORKERS}
    apart = _pss(folder, max(WORKERS), apart=True)
    for count, held in total.items():
        what = "MB PSS of the programs alone" if not count else f"MB PSS, {count} workers"
        yield Fact(name=f"pss{count}", value=held / MB, unit=what)
    yield Fact(
        name="pss4_by_pss1", value=total[4] / total[1], unit="times the memory of one worker"
    )
    yield Fact(name="pss4_apart", value=apart / MB, unit="MB PSS, 4 workers started apart")
    private = (total[4] - total[1]) / 3 / MB
    yield Fact(name="another_worker", value=private, unit="MB PSS that each further worker takes")


def _pss(folder: Path, workers: int, *, apart: bool = False) -> int:
    program = [sys.executable, "-m", "bench.opening_workers", str(folder), str(workers)]
    program += ["--apart"] * apart
    finished = subprocess.run(program, stdout=subprocess.PIPE, check=True)
    return int(finished.stdout)


main = command("opening", opening)

if __name__ == "__main__":
    main()
