"""The search service under load: what its answers take when much is asked, and far too much."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count as numbered
from statistics import median
from typing import NamedTuple

import numpy as np

from bench.facts import Fact
from bench.load import drive, flood, get, post
from bench.open_loop import Arrivals, arrive
from bench.photographs import commented, jpeg

FEW = 4
K = 10
PHOTOGRAPH = (500, 375)
# Clients at once that are too many.
FLOOD = 24


class Load(NamedTuple):
    """Searches that arrive at random.

    Attributes:
        share: of what bare Flask answers in a closed loop.
        rounds: in how many they come, the servers by turns. Where there is room, one moment in
            which the machine stood still makes a whole round's tail, so there are several; where
            there is none, what waits grows for as long as a round takes, so there is one.
    """

    share: float
    rounds: int


LOADS = {"half": Load(0.5, 5), "above": Load(1.1, 1)}


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
        seconds: for which they arrive at each, all rounds together.
    """
    most = max(_rate(other, asked) for _ in range(5))  # the machine may have a slow moment
    for name, load in LOADS.items():
        flask: list[Arrivals] = []
        vector: list[Arrivals] = []
        rate, each = load.share * most, seconds / load.rounds
        for seed in range(load.rounds):
            flask.append(arrive(other, asked, rate, each, seed))
            vector.append(arrive(ours, asked, rate, each, seed))
        yield from _arrived(name, f"{load.share:g} times what Flask can", flask, vector)


def _arrived(
    name: str, unit: str, flask: Sequence[Arrivals], vector: Sequence[Arrivals]
) -> Iterator[Fact]:
    """Tell what came of a load, as the medians of its rounds."""
    for server, rounds in (("flask", flask), ("vector", vector)):
        for percent in (50, 99):
            value = median(_percentile(one.served, percent) for one in rounds) * 1000
            yield Fact(name=f"{name}.{server}.p{percent}", value=value, unit=f"ms, {unit}")
        rate = median(one.rate for one in rounds)
        yield Fact(name=f"{name}.{server}.rate", value=rate, unit="answered a second")
    shed = sum(one.shed for one in vector)
    yield Fact(name=f"{name}.shed", value=shed, unit="searches turned away")
    tails = [_tail(ours.served, theirs.served) for ours, theirs in zip(vector, flask, strict=True)]
    yield Fact(name=f"{name}.tail", value=median(tails), unit="of the p99 of flask")


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
        value = _percentile(took, percent) * 1000
        yield Fact(name=f"{name}.p{percent}", value=value, unit=unit)


def _tail(took: Sequence[float], other: Sequence[float]) -> float:
    """Divide the 99th percentiles."""
    return _percentile(took, 99) / _percentile(other, 99)


def _percentile(took: Sequence[float], percent: float) -> float:
    return float(np.percentile(took, percent))
