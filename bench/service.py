"""The search service over HTTP: beside bare Flask, beside faiss, beside its model server.

One worker with everything on: validation, keys, metrics, the watchers. An index of 100,000
vectors, of the type that ``lookalike reindex`` chooses for them.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench import flask_faiss, published, service_load
from bench.command import Plan, command
from bench.facts import Fact
from bench.harness import Candidate
from bench.load import drive, post
from bench.photographs import commented, jpeg
from bench.served_models import NAME, Ports, model_server
from bench.servers import gunicorn, held_bytes, lookalike
from bench.service_load import PHOTOGRAPH, K
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
SIZES, PICTURES, CLIENTS = (PHOTOGRAPH, (4000, 3000)), 6, 4
CONNECTIONS = 4
# Searches of a batch, and how often the batches that there are are asked for in a round.
BATCH, BATCH_ROUNDS = 64, 4
# Connections of one and of two workers: so many that they spread over two evenly enough.
SPREAD = 8
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
        facts += service_load.percentiles(served.took, "vector", "flask", CONNECTIONS)
        facts += service_load.arriving(port, bare, served.by_vector, 2 if quick else 15)
        facts += service_load.healthz(port, served.by_vector, served.count // 4)
        facts += service_load.flooded(port, 3 if quick else 30)


def _by_vector(served: Served, port: int, bare: int, stack: ExitStack) -> list[Candidate]:
    index = FaissIndex(served.folder, served.details.segments, served.details.search)
    count = served.count

    def raw(threads: int) -> Callable[[], object]:
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        parts = np.array_split(served.queries[: BATCH * len(served.batches)], threads)
        again = range(BATCH_ROUNDS)
        return lambda: [list(pool.map(lambda part: index.search(part, K), parts)) for _ in again]

    load, batches = served.load, BATCH_ROUNDS * len(served.batches)
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
        Candidate(name="faiss", items=BATCH * batches, run=raw(len(os.sched_getaffinity(0)))),
        Candidate(name="faiss.thread", items=BATCH * batches, run=raw(1), baseline="faiss"),
        Candidate(
            name="batch64",
            items=BATCH * batches,
            run=partial(load, "batch64", port, served.batches, batches, SPREAD),
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
        return held_bytes(master)


main = command("service", service)

if __name__ == "__main__":
    main()
