"""Ten minutes of a bad day: swaps, deletions, hostile pictures, a model server that dies.

Two workers answer clients that search by vector, batch, picture and id without a pause. Each
answer is checked against exact search in the version that it names.
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np

from bench import published
from bench.command import Plan, command
from bench.facts import Fact
from bench.photographs import jpeg
from bench.served_models import NAME, ModelServer
from bench.servers import Gunicorn, held_bytes, lookalike
from bench.soak_load import Clients, Tally
from bench.soak_truth import Deleted, Truth
from bench.synthetic import features
from lookalike.index import ModelReference, Probe
from lookalike.picture import read_picture
from lookalike.progress import track, working
from lookalike.serving.rest import RestEmbedder
from lookalike.store import open_indexes
from lookalike.vectors import Vectors

SECONDS, QUICK_SECONDS = 600.0, 20.0
SWAP_SECONDS, QUICK_SWAP_SECONDS = 20.0, 4.0
KILLS = 5
DOWN_SECONDS = 3.0
VECTORS = 5000  # so few that exact search is chosen, and each answer is known
SIZE = 32
PICTURES = 20
WORKERS = 2
LOOK_SECONDS = 1.0
FAULTS_SHOWN = 10


class Versions:
    """Publishes versions, each of the same vectors under other ids, so that none looks alike."""

    def __init__(self, store: Path, model: ModelReference, probe: Probe, truth: Truth) -> None:
        self._store, self._model, self._probe, self._truth = store, model, probe, truth
        self._indexes = open_indexes(str(store), published.INDEX)
        self._vectors = features(VECTORS)
        self.count = 0

    def publish(self) -> None:
        """Publish the next one; it is known before anybody can be answered from it."""
        vectors = np.roll(self._vectors, 37 * self.count, axis=0)
        version, _ = published.add_version(self._store, self._model, self._probe, vectors)
        self._truth.add(version, vectors)
        self._indexes.set_current(version)
        self.count += 1


@contextmanager
def soak(quick: bool) -> Iterator[Plan]:
    """Start everything, let it run, and count what happened."""
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        store = Path(temporary)
        with working("writing the model"):
            model = published.write_model(store, SIZE)
        server = ModelServer(store / "models" / NAME)
        with working("starting the model server"):
            server.start()
        try:
            yield Plan(
                item="answers", rounds=0, candidates=[], facts=_run(store, model, server, quick)
            )
        finally:
            server.stop()


def _run(store: Path, model: ModelReference, server: ModelServer, quick: bool) -> list[Fact]:
    rest = f"http://127.0.0.1:{server.ports.rest}"
    deleted = Deleted()
    truth = Truth(deleted)
    versions = Versions(store, model, published.probe_of(model, rest), truth)
    versions.publish()
    environment = {
        **os.environ,
        "LOOKALIKE_STORE": str(store),
        "LOOKALIKE_CACHE": str(store / "cache"),
        "LOOKALIKE_MODEL": NAME,
        "LOOKALIKE_MODEL_SERVER_REST": rest,
    }
    pictures = [_embedded(number, model, rest) for number in range(PICTURES)]
    with lookalike(environment, WORKERS) as (master, port):
        url = f"http://127.0.0.1:{port}"
        queries = features(VECTORS)
        with Clients(url, truth, deleted, queries, pictures, _hostile()) as clients:
            held = _bad_day(versions, server, master, quick)
    return _facts(clients.tally, versions.count, held)


def _bad_day(versions: Versions, server: ModelServer, master: Gunicorn, quick: bool) -> list[int]:
    """Swap, kill and restart by the clock; give the bytes that the service held each second."""
    seconds = QUICK_SECONDS if quick else SECONDS
    between = QUICK_SWAP_SECONDS if quick else SWAP_SECONDS
    kills = 1 if quick else KILLS
    killer = threading.Thread(target=_kill, args=(server, kills, seconds))
    killer.start()
    held, begun = [], time.monotonic()
    for second in track(range(int(seconds)), "seconds of a bad day"):
        if second and second % between == 0:
            versions.publish()
        held.append(held_bytes(master))
        time.sleep(max(0.0, begun + second + 1 - time.monotonic()))
    killer.join()
    return held


def _kill(server: ModelServer, kills: int, seconds: float) -> None:
    for _ in range(kills):
        time.sleep(seconds / (kills + 1) - DOWN_SECONDS)
        server.kill()
        time.sleep(DOWN_SECONDS)
        server.start()


def _embedded(number: int, model: ModelReference, rest: str) -> tuple[bytes, Vectors]:
    picture = jpeg(160, 120, number)
    pixels = read_picture(picture, model.picture)
    [vector] = RestEmbedder(rest, model.address).embed(pixels[np.newaxis])
    return picture, np.asarray(vector)


def _hostile() -> list[bytes]:
    picture = jpeg(64, 48, 0)
    return [b"", b"GIF89a", picture[:200], picture[:4] + b"\xff" * 400, b"<svg/>" * 50]


def _facts(tally: Tally, versions: int, held: list[int]) -> list[Fact]:
    for sentence in tally.faults[:FAULTS_SHOWN]:
        click.echo(f"fault: {sentence}", err=True)
    quarter = max(1, len(held) // 4)
    growth = float(np.median(held[-quarter:]) / np.median(held[quarter : 2 * quarter]))
    counts = tally.counts
    return [
        Fact(name="right", value=counts["right"], unit="answers, each as exact search says"),
        Fact(name="wrong", value=counts["wrong"], unit="answers"),
        Fact(name="failed", value=counts["failed"], unit="requests, but for 429 and 503"),
        Fact(name="busy", value=counts["429"], unit="requests answered with 429"),
        Fact(name="away", value=counts["503"], unit="requests answered with 503"),
        Fact(name="hostile", value=counts["hostile"], unit="hostile pictures refused"),
        Fact(name="deletions", value=counts["deletions"], unit="pictures deleted"),
        Fact(name="versions", value=versions, unit="index versions served one after another"),
        Fact(name="memory", value=growth, unit="x the PSS of the second quarter in the last"),
    ]


main = command("soak", soak)

if __name__ == "__main__":
    main()
