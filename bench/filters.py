"""Filters: recall and speed of searches under a selection, and what evaluating one costs.

Vectors of ``bench.synthetic``, with two attributes: ``anywhere``, drawn at random, and
``corner``, which sorts the vectors' classes, so that what it selects lies together; its
queries are of classes that are not selected at all. Each is filtered to four shares of the
rows. Beside what the index chooses: faiss' selector always, with nprobe by the inverse of
the share, and comparing with every selected row always.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import msgspec
import numpy as np

from bench.command import Plan, command
from bench.contenders import TARGET_RECALL, K
from bench.facts import Fact
from bench.harness import Candidate
from bench.synthetic import CLASSES, Classes, classified
from indexing.build import BuildSettings, Built, build_base
from indexing.build.truth import ABSOLUTE, RELATIVE, squared_distances
from lookalike.index import Attributes, Filter, PictureRow, Selection, filter_of
from lookalike.index.attributes import open_attributes
from lookalike.index.faiss_index import FaissIndex, Rows
from lookalike.index.filters import canonical
from lookalike.index.found import Found
from lookalike.index.selections import SelectionCache
from lookalike.progress import track
from lookalike.vectors import Vectors

HELD_OUT, ASKED = 2000, 200
SEED = 11
SHARES = {"50%": 0.5, "10%": 0.1, "1%": 0.01, "0.01%": 0.0001}
# So many queries a round; comparing all takes tens of milliseconds each.
TIMED, TIMED_EXACT = 100, 15
EVALUATIONS = 5
COLOURS = ("red", "green", "blue", "black")
COMPOUND = {
    "and": [
        {"attribute": "colour", "in": ["red", "blue"]},
        {"attribute": "anywhere", "gte": 0.1, "lt": 0.7},
        {"not": {"attribute": "label", "lt": "class 250"}},
    ]
}


@dataclass(frozen=True)
class Data:
    """Vectors with their attributes, and queries that no index holds, each with its class."""

    vectors: Vectors
    anywhere: Vectors
    corner: Vectors
    classes: Classes
    queries: Vectors
    query_corners: Vectors


@dataclass(frozen=True)
class Case:
    """One filter: its selection, and queries with the distance of their tenth selected row."""

    selection: Selection
    queries: Vectors
    bound: Vectors


@contextmanager
def filters(quick: bool) -> Iterator[Plan]:
    """Build one index, and select from it in every way."""
    data = _data(20_000 if quick else 1_000_000)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        built = _build(data, folder)
        index = FaissIndex(folder, built.shards, built.search)
        attributes = open_attributes([folder], built.shards)
        assert attributes is not None
        cases = dict(_cases(data, index, attributes))
        plan = Plan(
            item="queries",
            rounds=2 if quick else 5,
            candidates=list(_candidates(cases, index)),
        )
        yield plan
        plan.facts.extend(_recalls(cases, index, data))
        plan.facts.extend(_evaluations(attributes))


def _data(count: int) -> Data:
    vectors, classes = classified(count + HELD_OUT)
    draw = np.random.default_rng(SEED)
    order = draw.permutation(len(vectors))
    asked, held = order[:HELD_OUT], order[HELD_OUT:]
    # A class is at a place of its own from 0 to 1, and its rows right after that.
    places = draw.permutation(CLASSES)[classes] + draw.random(len(vectors))
    corner = (places.argsort().argsort() / len(vectors)).astype(np.float32)
    anywhere = draw.random(count).astype(np.float32)
    return Data(vectors[held], anywhere, corner[held], classes[held], vectors[asked], corner[asked])


def _build(data: Data, folder: Path) -> Built:
    rows = (
        PictureRow(f"{number:08}", "", f"class {data.classes[number]:03}", b"", _held(data, number))
        for number in range(len(data.vectors))
    )
    settings = BuildSettings(target_recall=TARGET_RECALL, shard_limit=len(data.vectors))
    return build_base(rows, data.vectors, settings, folder)


def _held(data: Data, number: int) -> dict[str, Any]:
    return {
        "anywhere": float(data.anywhere[number]),
        "corner": float(data.corner[number]),
        "colour": COLOURS[number * 7 % len(COLOURS)],
    }


def _cases(data: Data, index: FaissIndex, attributes: Attributes) -> Iterator[tuple[str, Case]]:
    for name, share in track(SHARES.items(), "exact answers", len(SHARES)):
        for attribute, values in (("anywhere", data.anywhere), ("corner", data.corner)):
            # The nearest bound to the share: of a drawn number, not quite as many are below.
            bound = float(np.partition(values, int(share * len(values)))[int(share * len(values))])
            wanted = filter_of({"attribute": attribute, "lt": bound})
            selection = index.select(attributes.matching(wanted))
            # Of the corner's queries those far beyond it, so that no class is on both sides.
            far = data.query_corners > min(0.9, share + 0.05)
            queries = data.queries[far if attribute == "corner" else slice(None)][:ASKED]
            yield f"{attribute}.{name}", Case(selection, queries, _bound(data, selection, queries))


def _bound(data: Data, selection: Selection, queries: Vectors) -> Vectors:
    """Squared distance of the tenth nearest selected row: by faiss, then anew."""
    held = data.vectors[selection.rows]
    _, nearest = faiss.knn(queries, held, min(K, len(held)))
    found: Vectors = squared_distances(queries, held[nearest]).max(axis=1)
    return found


def _candidates(cases: dict[str, Case], index: FaissIndex) -> Iterator[Candidate]:
    for name, case in cases.items():
        for way, count in {"ours": TIMED, "selector": TIMED, "exact": TIMED_EXACT}.items():
            queries = case.queries[:count]
            search = partial(_search, index, way, case.selection)
            yield Candidate(
                name=f"{name}.{way}",
                items=len(queries),
                run=partial(_singly, search, queries),
                baseline=None if way == "ours" else f"{name}.ours",
            )


def _search(index: FaissIndex, way: str, selection: Selection, queries: Vectors) -> Found:
    if way == "ours":
        return index.search(queries, K, selection=selection)
    if way == "exact":
        return index.engine.exact(queries, K, selection)
    given, share = index.parameters, selection.count / selection.size
    wider = msgspec.structs.replace(
        given,
        nprobe=given.nprobe and min(index.lists, int(given.nprobe / share)),
        ef_search=given.ef_search and min(index.size, int(given.ef_search / share)),
    )
    return index.engine.search(queries, K, wider, selection)


def _singly(search: Any, queries: Vectors) -> None:
    faiss.omp_set_num_threads(1)
    for row in range(len(queries)):
        search(queries[row : row + 1])


def _recalls(cases: dict[str, Case], index: FaissIndex, data: Data) -> Iterator[Fact]:
    for name, case in cases.items():
        for way in ("ours", "selector"):
            _, rows = _search(index, way, case.selection, case.queries)
            share = _recall(case, rows, data)
            yield Fact(name=f"{name}.{way}.recall", value=share, unit="recall@10")


def _recall(case: Case, rows: Rows, data: Data) -> float:
    rows = rows[:, : min(K, case.selection.count)]
    gaps = squared_distances(case.queries, data.vectors[rows])
    gaps[rows < 0] = np.inf
    return float((gaps <= case.bound[:, None] * (1 + RELATIVE) + ABSOLUTE).mean())


def _evaluations(attributes: Attributes) -> Iterator[Fact]:
    """Time evaluating filters: of one number, of a text, of three conditions; and one kept."""
    asked = {
        "number": filter_of({"attribute": "anywhere", "lt": 0.1}),
        "text": filter_of({"attribute": "colour", "eq": "red"}),
        "compound": filter_of(COMPOUND),
    }
    size = sum(attributes.rows)
    for name, wanted in asked.items():
        cold = _milliseconds(partial(_evaluated, attributes, wanted, size))
        yield Fact(name=f"evaluate.{name}", value=cold, unit="ms")
    cache = SelectionCache(1 << 30)
    kept = _milliseconds(
        lambda: cache.get(
            canonical(asked["compound"]), partial(_evaluated, attributes, asked["compound"], size)
        )
    )
    yield Fact(name="evaluate.kept", value=kept, unit="ms, three conditions, kept")


def _evaluated(attributes: Attributes, wanted: Filter, size: int) -> Selection:
    return Selection(attributes.matching(wanted), size)


def _milliseconds(work: Any) -> float:
    """Median of a few, after one that maps the columns' pages."""
    work()
    seconds = []
    for _ in range(EVALUATIONS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return 1000 * median(seconds)


main = command("filters", filters)

if __name__ == "__main__":
    main()
