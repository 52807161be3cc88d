"""Measurements of this machine, each a few seconds; named as in ``figures``."""

import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import faiss

from indexing.factory import FLAT_UP_TO
from indexing.planner import samples
from indexing.planner.figures import REFERENCE_DIMENSIONS, REFERENCE_LISTS
from indexing.planner.index_type import K_FACTOR, K
from indexing.planner.recall import MissesLaw, misses_law
from indexing.planner.timing import core_seconds, set_parameters, slope, sweep
from lookalike.index import write_pictures
from lookalike.picture import PictureContract, read_picture
from lookalike.vectors import Vectors

Values = dict[str, float]

FLAT_QUERIES = 20
GRAPH_SHARE = 10  # of the vectors; a graph is slow to build
EF_SEARCH = (16, 32, 64)
# Enough training vectors a list.
VECTORS_A_LIST = 40
PROBES = (1, 2, 4, 8, 16, 32, 64)
DECODED = 40
ROWS = 5000
# What a worker of the service loads, Flask aside.
WORKER = (
    "import lookalike.index, lookalike.picture, lookalike.serving\n"
    "print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmRSS')))"
)


def measure_flat(vectors: Vectors) -> Values:
    """Exact search by one thread, and comparing many vectors with many at once."""
    vectors = vectors[:FLAT_UP_TO]  # more are never searched so, and come from slower memory
    one = median(
        core_seconds(lambda: faiss.knn(vectors[:1], vectors, K)) for _ in range(FLAT_QUERIES)
    )
    many = vectors[: REFERENCE_LISTS * 4]
    lists = vectors[:REFERENCE_LISTS]
    bulk = min(core_seconds(lambda: faiss.knn(many, lists, 1)) for _ in range(3))
    return {
        "flat_ns": one / vectors.size * 1e9,
        "assign_ns": bulk / (len(many) * lists.size) * 1e9,
    }


def measure_graph(vectors: Vectors, queries: Vectors) -> Values:
    """HNSW32: linking, walking, and what it misses."""
    vectors = vectors[: max(100, len(vectors) // GRAPH_SHARE)]
    index = faiss.index_factory(vectors.shape[1], "HNSW32")
    linked = core_seconds(lambda: index.add(vectors))
    doublings = math.log2(len(vectors))
    times, recalls = sweep(index, vectors, queries, "efSearch", EF_SEARCH)
    return {
        "link_us": linked / (len(vectors) * doublings) * 1e6,
        "graph_us": slope(EF_SEARCH, times) / doublings * 1e6,
        **_law("graph", EF_SEARCH, recalls),
    }


def measure_lists(vectors: Vectors, queries: Vectors, flat: Values) -> Values:
    """Compressed inverted lists: encoding, scanning, refining, and what they miss.

    Args:
        vectors: ``float32[n, d]``, unit vectors.
        queries: ``float32[q, d]``, likewise, and none of them.
        flat: what :func:`measure_flat` gave.
    """
    count, dimensions = vectors.shape
    lists = max(1, min(REFERENCE_LISTS, count // VECTORS_A_LIST))
    index = faiss.index_factory(dimensions, f"IVF{lists},PQ{dimensions // 2}x4fs,Refine(SQfp16)")
    index.train(vectors[: lists * 2 * VECTORS_A_LIST])
    added = core_seconds(lambda: index.add(vectors)) / count
    assigned = lists * dimensions * flat["assign_ns"] * 1e-9
    encoded = {"encode_us": max(0.0, added - assigned) * 1e6}
    return encoded | _measure_search(index, lists, vectors, queries, flat)


def _measure_search(
    index: Any, lists: int, vectors: Vectors, queries: Vectors, flat: Values
) -> Values:
    """Take a query's time apart: what grows with the lists probed, what with the candidates."""
    count, dimensions = vectors.shape
    probes = [nprobe for nprobe in PROBES if nprobe < lists]
    set_parameters(index, k_factor_rf=K_FACTOR)
    times, recalls = sweep(index, vectors, queries, "nprobe", probes)
    set_parameters(index, nprobe=1)
    factors = (1, 8)
    refine = slope(
        [K * factor for factor in factors],
        sweep(index, vectors, queries, "k_factor_rf", factors)[0],
    )
    scan = slope([nprobe * count / lists for nprobe in probes], times)
    quantize = lists * dimensions * flat["flat_ns"] * 1e-9
    rest = times[0] - quantize - K * K_FACTOR * refine - scan * count / lists
    # As if there were 1,024 lists: neighbours spread over more of them when they are smaller.
    finer = math.sqrt(lists / REFERENCE_LISTS)
    return {
        "scan_ns": scan * 1e9 * REFERENCE_DIMENSIONS / dimensions,
        "refine_us": refine * 1e6,
        "query_us": max(0.0, rest) * 1e6,
        **_law("list", [nprobe / finer for nprobe in probes], recalls),
    }


def _law(kind: str, efforts: Sequence[float], recalls: Sequence[float]) -> Values:
    law = misses_law(efforts, recalls) or MissesLaw(math.nan, math.nan)
    return {f"{kind}_misses": law.at_one, f"{kind}_power": law.power}


def measure_reading() -> Values:
    """Bytes to pixels, by one thread."""
    picture = samples.photo()
    contract = PictureContract()
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    seconds = median(core_seconds(lambda: read_picture(picture, contract)) for _ in range(DECODED))
    cv2.setNumThreads(threads)
    return {"decode_ms": seconds * 1e3}


def measure_rows() -> Values:
    """The size of a row in the pictures' file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        write_pictures(path, samples.rows(ROWS))
        return {"row_bytes": path.stat().st_size / ROWS}


def measure_worker() -> Values:
    """The memory of a process that has loaded what a worker needs."""
    finished = subprocess.run(
        [sys.executable, "-c", WORKER], capture_output=True, text=True, check=True
    )
    return {"worker_bytes": int(finished.stdout) * 1024.0}
