"""Worker processes that hold one opened index, and what memory they take together.

``python -m bench.opening_workers FOLDER COUNT`` forks workers before anything of faiss has
run, as a server does that loads its application first; each opens the version, reads it
through and searches. Prints the bytes that this process and they hold together.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
import numpy as np

from bench.process_memory import pss
from lookalike.index import SearchParameters, Shard
from lookalike.index.faiss_index import FaissIndex

QUERIES, K = 200, 10


class Opened(msgspec.Struct):
    """What a worker is to open, beside the files."""

    shards: list[Shard]
    search: SearchParameters
    dimensions: int


DESCRIPTION = "opened.json"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("count", type=int)
@click.option("--apart", is_flag=True, help="Workers start anew instead of being forked.")
@click.option("--pipes", type=(int, int), help="Be a worker: where to tell, and what to wait for.")
def main(folder: Path, count: int, apart: bool, pipes: tuple[int, int] | None) -> None:
    """Run COUNT workers over FOLDER; 0 workers tell what the programs alone take."""
    if pipes is not None:
        _work(folder, *pipes)
        return
    (told, tell), (release, hold) = os.pipe(), os.pipe()
    workers = [_start(folder, tell, release, hold, apart=apart) for _ in range(count)]
    for _ in workers:
        assert os.read(told, 1), "a worker ended"
    total = pss(os.getpid(), *workers)
    os.close(hold)
    for worker in workers:
        assert os.waitpid(worker, 0)[1] == 0
    click.echo(total)


def _start(folder: Path, tell: int, release: int, hold: int, *, apart: bool) -> int:
    worker = os.fork()
    if worker:
        return worker
    os.close(hold)
    if apart:
        os.set_inheritable(tell, True)
        os.set_inheritable(release, True)
        flags = ["--pipes", str(tell), str(release), str(folder), "1"]
        os.execv(sys.executable, [sys.executable, "-m", "bench.opening_workers", *flags])  # noqa: S606
    _work(folder, tell, release)
    os._exit(0)


def warm(paths: Sequence[Path]) -> None:
    """Read files through once, so that no query waits for the disk."""
    buffer = bytearray(1 << 20)
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def _work(folder: Path, tell: int, release: int) -> None:
    """Open and search, say so, and hold the index until the parent lets go."""
    opened = msgspec.json.decode((folder / DESCRIPTION).read_bytes(), type=Opened)
    index = FaissIndex(folder, opened.shards, opened.search)
    warm([folder / name for shard in opened.shards for name in shard.faiss_files])
    queries = np.random.default_rng(0).random((QUERIES, opened.dimensions), np.float32)
    for row in range(QUERIES):
        index.search(queries[row : row + 1], K)
    # Every page of the vectors is touched, as it is after a day of queries.
    index.search(queries[:1], K, parameters=SearchParameters(nprobe=1 << 30, k_factor=1000))
    os.write(tell, b".")
    os.read(release, 1)


if __name__ == "__main__":
    main()
