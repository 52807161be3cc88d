"""The search service over HTTP: beside bare Flask, beside faiss, beside its model server.

One worker with everything on: validation, keys, metrics, the watchers. An index of 100,000
vectors, of the type that ``lookalike reindex`` chooses for them.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count as numbered
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench import flask_faiss, published
from bench.command import Plan, command
from bench.facts import Fact
from bench.harness import Candidate
from bench.load import drive, flood, get, post
from bench.photographs import commented, jpeg
from bench.served_models import NAME, Ports, model_server
from bench.servers import gunicorn, lookalike, pss
from bench.synthetic import features
from lookalike.index import IndexDetails
from lookalike.index.faiss_index import FaissIndex
from lookalike.picture import read_picture
from lookalike.progress import working
from lookalike.serving.rest import RestEmbedder
from lookalike.store import open_indexes

SIZE = 224
# Width and height of the pictures asked for, and how many a round; how many clients at once
# where it is about throughput.
SIZES, PICTURES, CLIENTS = ((500, 375), (4000, 3000)), 6, 4
K = 10
CONNECTIONS = 4
BATCH = 64
# Connections of one and of two workers: so many that they spread over two evenly enough.
SPREAD = 8
# Clients at once that are too many, and for how long.
FLOOD, FLOOD_SECONDS = 24, 30
MB = 1e6


class Served:
    """The index, what was asked of it, and how long each answer took.

    Args:
        store: of the index.
        details: of the index.
        ports: of its model server.
        quick: ask little.
    """

    def __init__(self, store: Path, details: IndexDetails, ports: Ports, quick: bool) -> None:
        self.store, self.details = store, details
        self.rest = f"http://127.0.0.1:{ports.rest}"
        self.count = 200 if quick else 4000
        self.queries = features(details.pictures + 1000)[-1000:]
        bodies = [msgspec.json.encode({"vector": row.tolist(), "k": K}) for row in self.queries]
        self.by_vector = [post("/search", body) for body in bodies]
        exact = [
            msgspec.json.encode({"vector": {"b64": row.tobytes()}, "k": K}) for row in self.queries
        ]
        self.exact = [post("/search", body) for body in exact]
        batches = [exact[first : first + BATCH] for first in range(0, 15 * BATCH, BATCH)]
        self.batches = [
            post("/search/batch", b'{"queries":[' + b",".join(batch) + b"]}") for batch in batches
        ]
        version = open_indexes(str(store), published.INDEX).current()
        self.folder = store / "indexes" / published.INDEX / version
        self.took: dict[str, list[float]] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Settings of a service of it."""
        return {
            **os.environ,
            "LOOKALIKE_STORE": str(self.store),
            "LOOKALIKE_CACHE": str(self.store / "cache"),
            "LOOKALIKE_MODEL": NAME,
            "LOOKALIKE_MODEL_SERVER_REST": self.rest,
            **flask_faiss.settings(self.folder, self.details),
        }

    def load(self, name: str, port: int, asked: Sequence[bytes], count: int, at_once: int) -> None:
        """Ask, and keep how long the answers took under a name."""
        self.took.setdefault(name, []).extend(drive(port, asked, at_once, count))


def ours(served: Served, workers: int) -> Any:
    """Run the service as ``lookalike serve`` does."""
    return lookalike(served.environment, workers)


def flask(served: Served) -> Any:
    """Run bare Flask around the same index, one worker."""
    arguments = ["-k", "gevent", "--workers", "1", "bench.flask_faiss:create_app()"]
    return gunicorn(served.environment, arguments, "/static/nothing")


@contextmanager
def service(quick: bool) -> Iterator[Plan]:
    """Publish an index, start everything, and ask."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        with working("writing the model"):
            model = published.write_model(folder, 32 if quick else SIZE)
        ports = stack.enter_context(model_server(folder / "models" / NAME))
        rest = f"http://127.0.0.1:{ports.rest}"
        vectors = features(5000 if quick else 100_000)
        details = published.publish(folder, model, published.probe_of(model, rest), vectors)
        served = Served(folder, details, ports, quick)
        facts = list(_memory(served))
        _, port = stack.enter_context(ours(served, 1))
        _, two = stack.enter_context(ours(served, 2))
        _, bare = stack.enter_context(flask(served))
        yield Plan(
            item="queries",
            rounds=2 if quick else 7,
            candidates=[
                *_by_vector(served, port, bare, stack),
                *_workers(served, port, two),
                *_by_picture(served, port, RestEmbedder(rest, model.address)),
            ],
            facts=facts,
        )
        facts += _percentiles(served)
        facts += _healthz(served, port)
        facts += _overloaded(port, 3 if quick else FLOOD_SECONDS)


def _by_vector(served: Served, port: int, bare: int, stack: ExitStack) -> list[Candidate]:
    threads = len(os.sched_getaffinity(0))
    pool = stack.enter_context(ThreadPoolExecutor(threads))
    index = FaissIndex(served.folder, served.details.segments, served.details.search)
    parts = np.array_split(served.queries[: BATCH * 15], threads)

    def raw() -> None:
        list(pool.map(lambda part: index.search(part, K), parts))

    count = served.count
    load = served.load
    return [
        Candidate(
            name="flask",
            items=count,
            run=partial(load, "flask", bare, served.by_vector, count, CONNECTIONS),
        ),
        Candidate(
            name="vector",
            items=count,
            run=partial(load, "vector", port, served.by_vector, count, CONNECTIONS),
            baseline="flask",
        ),
        Candidate(name="faiss", items=15 * BATCH, run=raw),
        Candidate(
            name="batch64",
            items=15 * BATCH,
            run=partial(load, "batch64", port, served.batches, 15, 2),
            baseline="faiss",
        ),
    ]


def _workers(served: Served, one: int, two: int) -> list[Candidate]:
    """Compare one worker and two, asked for vectors that cost their client little."""
    count = served.count
    return [
        Candidate(
            name="workers1",
            items=count,
            run=partial(served.load, "workers1", one, served.exact, count, SPREAD),
        ),
        Candidate(
            name="workers2",
            items=count,
            run=partial(served.load, "workers2", two, served.exact, count, SPREAD),
            baseline="workers1",
        ),
    ]


def _by_picture(served: Served, port: int, embedder: RestEmbedder) -> list[Candidate]:
    contract = served.details.model.picture
    number = iter(range(1 << 30))

    def fresh(width: int, height: int) -> bytes:
        # Of its own digest, so that its vector is not remembered.
        return commented(photographs[width, height], next(number))

    def server(width: int, height: int, clients: int) -> Callable[[], object]:
        pixels = read_picture(photographs[width, height], contract)[np.newaxis]

        def run() -> None:
            with ThreadPoolExecutor(clients) as pool:
                list(pool.map(lambda _: embedder.embed(pixels), range(PICTURES * clients)))

        return run

    def asked(width: int, height: int, clients: int) -> Callable[[], object]:
        def run() -> None:
            pictures = [fresh(width, height) for _ in range(PICTURES * clients)]
            whole = [post(f"/search?k={K}", picture, "image/jpeg") for picture in pictures]
            served.load(f"picture{width}", port, whole, len(whole), clients)

        return run

    photographs = {size: jpeg(*size, 1) for size in SIZES}
    kinds = {f"picture{size[0]}": (*size, 1) for size in SIZES}
    kinds["pictures"] = (*SIZES[0], CLIENTS)
    candidates = []
    for name, kind in kinds.items():
        baseline, items = f"{name}.server", PICTURES * kind[2]
        candidates += [
            Candidate(name=baseline, items=items, run=server(*kind)),
            Candidate(name=name, items=items, run=asked(*kind), baseline=baseline),
        ]
    return candidates


def _overloaded(port: int, seconds: float) -> Iterator[Fact]:
    """Ask by pictures one at a time, then far too many, and compare how long answers take."""
    photograph = jpeg(*SIZES[0], 2)
    pictures = (
        post(f"/search?k={K}", commented(photograph, number), "image/jpeg") for number in numbered()
    )
    alone, _ = flood(port, pictures, 1, seconds)
    flood(port, pictures, FLOOD, seconds / 3)  # until the limit is found
    served, shed = flood(port, pictures, FLOOD, seconds)
    for name, took in (("alone", alone), ("flooded", served)):
        ninety_ninth = float(np.percentile(took, 99)) * 1000
        yield Fact(name=f"{name}.p99", value=ninety_ninth, unit=f"ms, {len(took)} by picture")
    ratio = float(np.percentile(served, 99) / np.percentile(alone, 99))
    yield Fact(name="flooded.ratio", value=ratio, unit="times the p99 of one at a time")
    yield Fact(name="flooded.shed", value=shed, unit=f"requests of {FLOOD} clients, turned away")


def _percentiles(served: Served) -> Iterator[Fact]:
    for name in ("flask", "vector"):
        fiftieth, ninety_ninth = (np.percentile(served.took[name], [50, 99]) * 1000).tolist()
        yield Fact(name=f"{name}.p50", value=fiftieth, unit=f"ms, {CONNECTIONS} at once")
        yield Fact(name=f"{name}.p99", value=ninety_ninth, unit=f"ms, {CONNECTIONS} at once")
    tails = [float(np.percentile(served.took[name], 99)) for name in ("vector", "flask")]
    yield Fact(name="vector.tail", value=tails[0] / tails[1], unit="of the p99 of bare Flask")


def _healthz(served: Served, port: int) -> Iterator[Fact]:
    """Ask ``/healthz`` again and again beside full load by vector."""
    done = threading.Event()
    full = threading.Thread(
        target=lambda: _until(done, partial(drive, port, served.by_vector, CONNECTIONS, 200))
    )
    full.start()
    took = []
    for _ in range(served.count // 4):
        took += drive(port, [get("/healthz")], 1, 1)
        time.sleep(0.005)
    done.set()
    full.join()
    fiftieth, ninety_ninth = (np.percentile(took, [50, 99]) * 1000).tolist()
    yield Fact(name="healthz.p50", value=fiftieth, unit="ms beside full load")
    yield Fact(name="healthz.p99", value=ninety_ninth, unit="ms beside full load")


def _until(done: threading.Event, run: Callable[[], object]) -> None:
    while not done.is_set():
        run()


def _memory(served: Served) -> Iterator[Fact]:
    """Count what one and four workers that have searched the whole index hold together."""
    total = {workers: _pss(served, workers) for workers in (1, 4)}
    for workers, held in total.items():
        yield Fact(name=f"pss{workers}", value=held / MB, unit=f"MB PSS, {workers} workers")
    private = (total[4] - total[1]) / 3
    yield Fact(name="another_worker", value=private / MB, unit="MB PSS that each further one takes")


def _pss(served: Served, workers: int) -> int:
    with ours(served, workers) as (master, port):
        drive(port, served.by_vector, 2 * workers, 500 * workers)
        return pss(master)


main = command("service", service)

if __name__ == "__main__":
    main()
