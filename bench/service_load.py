"""The search service under load: what its answers take when much is asked, and far too much."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count as numbered

import numpy as np

from bench.facts import Fact
from bench.load import drive, flood, get, post
from bench.open_loop import arrive
from bench.photographs import commented, jpeg

FEW = 4
K = 10
PHOTOGRAPH = (500, 375)
# Clients at once that are too many.
FLOOD = 24
# Of what bare Flask answers in a closed loop.
LOADS = {"half": 0.5, "above": 1.1}


def percentiles(
    took: Mapping[str, Sequence[float]], ours: str, other: str, at_once: int
) -> Iterator[Fact]:
    """Tell how long answers took in a closed loop."""
    for name in (other, ours):
        yield from _told(name, took[name], f"ms, {at_once} at once")
    yield Fact(
        name=f"{ours}.tail",
        value=_tail(took[ours], took[other]),
        unit=f"of the p99 of {other}, {at_once} at once",
    )


def arriving(ours: int, other: int, asked: Sequence[bytes], seconds: float) -> Iterator[Fact]:
    """Have searches by vector arrive at random, at half of what bare Flask does, and at more.

    Args:
        ours: port of the service.
        other: port of bare Flask.
        asked: requests.
        seconds: for which they arrive.
    """
    most = max(_rate(other, asked) for _ in range(5))  # the machine may have a slow moment
    for name, share in LOADS.items():
        flask, vector = (arrive(port, asked, share * most, seconds) for port in (other, ours))
        for server, came in (("flask", flask), ("vector", vector)):
            unit = f"ms, {share:g} times what Flask can"
            yield from _told(f"{name}.{server}", came.served, unit)
            yield Fact(name=f"{name}.{server}.rate", value=came.rate, unit="answered a second")
        yield Fact(name=f"{name}.shed", value=vector.shed, unit="searches turned away")
        tail = _tail(vector.served, flask.served)
        yield Fact(name=f"{name}.tail", value=tail, unit="of the p99 of flask")


def _rate(port: int, asked: Sequence[bytes]) -> float:
    """Answers a second of a closed loop."""
    begun = time.perf_counter()
    return len(drive(port, asked, FEW, 1000)) / (time.perf_counter() - begun)


def healthz(port: int, asked: Sequence[bytes], count: int) -> Iterator[Fact]:
    """Ask ``/healthz`` so many times beside full load by vector."""
    done = threading.Event()
    full = threading.Thread(target=lambda: _until(done, partial(drive, port, asked, FEW, 200)))
    full.start()
    took = []
    for _ in range(count):
        took += drive(port, [get("/healthz")], 1, 1)
        time.sleep(0.005)
    done.set()
    full.join()
    yield from _told("healthz", took, "ms beside full load")


def _until(done: threading.Event, run: Callable[[], object]) -> None:
    while not done.is_set():
        run()


def flooded(port: int, seconds: float) -> Iterator[Fact]:
    """Ask by pictures one at a time, then far too many, and compare how long answers take."""
    photograph = jpeg(*PHOTOGRAPH, 2)
    pictures = (
        post(f"/search?k={K}", commented(photograph, number), "image/jpeg") for number in numbered()
    )
    alone, _ = flood(port, pictures, 1, seconds)
    flood(port, pictures, FLOOD, seconds / 3)  # until the limit is found
    served, shed = flood(port, pictures, FLOOD, seconds)
    for name, took in (("alone", alone), ("flooded", served)):
        yield from _told(name, took, f"ms, {len(took)} by picture")
    unit = "times the p99 of one at a time"
    yield Fact(name="flooded.ratio", value=_tail(served, alone), unit=unit)
    yield Fact(name="flooded.shed", value=shed, unit=f"requests of {FLOOD} clients, turned away")


def _told(name: str, took: Sequence[float], unit: str) -> Iterator[Fact]:
    for percent in (50, 99):
        value = float(np.percentile(took, percent)) * 1000
        yield Fact(name=f"{name}.p{percent}", value=value, unit=unit)


def _tail(took: Sequence[float], other: Sequence[float]) -> float:
    """Divide the 99th percentiles."""
    return float(np.percentile(took, 99) / np.percentile(other, 99))
