"""Searching: the index that the project builds, beside the seed recipe, raw faiss and HNSW.

Synthetic features by the million, and the real ones of Fashion-MNIST. Queries are held out:
no index holds them. One thread; one query at a time, and in batches of 100.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import faiss
import numpy as np

from bench import contenders, fashion
from bench.command import Plan, command
from bench.contenders import Contender, K, Search
from bench.facts import Fact
from bench.harness import Candidate
from bench.synthetic import features
from indexing.build.truth import squared_distances
from indexing.factory import Recipe
from lookalike.index.faiss_index import Distances
from lookalike.progress import track
from lookalike.settings import Settings
from lookalike.vectors import Vectors, unit

HELD_OUT = 1000
SPLIT_SEED = 3
# So many queries a round, one at a time: the seed recipe takes milliseconds for each.
SINGLE, SINGLE_SLOW = 500, 40
BATCH, BATCHES = 100, 5
UNSHARDED = 10**9


@dataclass(frozen=True)
class Data:
    """Vectors to index, and queries with the squared distance of their tenth nearest."""

    vectors: Vectors
    queries: Vectors
    bound: Distances


@dataclass
class Timed:
    """A contender whose queries are timed one by one too, for the percentile."""

    search: Search
    seconds: list[float] = field(default_factory=list)

    def singly(self, queries: Vectors) -> None:
        """Search one query at a time."""
        faiss.omp_set_num_threads(1)
        for row in range(len(queries)):
            started = time.perf_counter()
            self.search(queries[row : row + 1], K)
            self.seconds.append(time.perf_counter() - started)

    def in_batches(self, queries: Vectors) -> None:
        """Search a hundred at a time."""
        faiss.omp_set_num_threads(1)
        for first in range(0, len(queries), BATCH):
            self.search(queries[first : first + BATCH], K)


@contextmanager
def index(quick: bool) -> Iterator[Plan]:
    """Build every index; what was counted is told once all have been timed."""
    sizes = {"million": 1_000_000, "100k": 100_000, "10k": 10_000}
    if quick:
        sizes = {"million": 20_000, "100k": 12_000, "10k": 1000}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        built = {}
        for label, size in sizes.items():
            data = _held_out(features(size + HELD_OUT))
            built[label] = data, _contenders(data, folder / label, whole=label == "million")
        cache = Path(Settings.from_environment().cache)
        pictures = fashion.features(cache, 4000 if quick else 70_000)
        data = _held_out(unit(pictures[pictures.any(axis=1)]))
        built["fashion"] = data, _contenders(data, folder / "fashion", whole=False)
        plan, timed = _plan(built, 2 if quick else 9)
        yield plan
        plan.facts.extend(_facts(built, timed))


def _held_out(vectors: Vectors) -> Data:
    order = np.random.default_rng(SPLIT_SEED).permutation(len(vectors))
    queries, held = vectors[order[:HELD_OUT]], vectors[order[HELD_OUT:]]
    _, nearest = faiss.knn(queries, held, K)
    return Data(held, queries, squared_distances(queries, held[nearest]).max(axis=1))


def _contenders(data: Data, folder: Path, *, whole: bool) -> dict[str, Contender]:
    """Build the seed recipe and ours; of the large set all that is compared."""
    folder.mkdir()
    vectors = data.vectors
    own, built = contenders.ours(vectors, folder / "one", UNSHARDED)
    found = {"seed": contenders.seed(vectors), "ours": own}
    if whole:
        recipe = Recipe(built.factory, built.search)
        quarter = -(-len(vectors) // 4)
        # Shards by hash are not all of one size: a little over a quarter is the limit of four.
        found["raw"] = contenders.raw(vectors, folder / "one", built)
        found["shards4"], _ = contenders.ours(vectors, folder / "four", quarter, recipe)
        found["hnsw32"] = contenders.hnsw(vectors)
        _require_equal(found["raw"], own, data.queries)
    return found


def _require_equal(raw: Contender, own: Contender, queries: Vectors) -> None:
    """Speed is worth comparing only between equal answers."""
    same = (raw.search(queries, K)[1] == own.search(queries, K)[1]).mean()
    assert same > 0.999, f"raw faiss answers differently: {same:.4f} of the rows are the same"


def _plan(
    built: Mapping[str, tuple[Data, Mapping[str, Contender]]], rounds: int
) -> tuple[Plan, dict[str, Timed]]:
    timed = {
        f"{label}.{name}": Timed(contender.search)
        for label, (_, found) in built.items()
        for name, contender in found.items()
    }
    candidates = [
        candidate
        for label, (data, found) in built.items()
        for name in found
        for candidate in _candidates(label, name, timed[f"{label}.{name}"], data.queries)
    ]
    return Plan(item="queries", rounds=rounds, candidates=candidates), timed


def _candidates(label: str, name: str, timed: Timed, queries: Vectors) -> Iterator[Candidate]:
    other = {"seed": None, "raw": "ours", "shards4": "ours"}.get(name, "seed")
    single = SINGLE_SLOW if name == "seed" else SINGLE
    batched = BATCH if name == "seed" else BATCH * BATCHES
    for way, count, run in (
        ("single", single, timed.singly),
        ("batch100", batched, timed.in_batches),
    ):
        yield Candidate(
            name=f"{label}.{name}.{way}",
            items=count,
            run=partial(run, queries[:count]),
            baseline=other and f"{label}.{other}.{way}",
        )


def _facts(
    built: Mapping[str, tuple[Data, Mapping[str, Contender]]], timed: Mapping[str, Timed]
) -> Iterator[Fact]:
    for label, (data, found) in track(built.items(), "recall", len(built)):
        for name, contender in found.items():
            full = f"{label}.{name}"
            share = contenders.recall(contender, data.queries, data.bound, data.vectors)
            p99 = 1000 * float(np.percentile(timed[full].seconds, 99))
            yield Fact(name=f"{full}.recall", value=share, unit=f"recall@{K}")
            yield Fact(name=f"{full}.p99", value=p99, unit="ms, one query")
            yield Fact(name=f"{full}.size", value=contender.bytes_a_vector, unit="bytes a vector")
            unit_ = f"s to build {contender.parameters}"
            yield Fact(name=f"{full}.build", value=contender.build_seconds, unit=unit_)


main = command("index", index)

if __name__ == "__main__":
    main()
