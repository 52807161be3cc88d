"""How well vectors find pictures of their category: each recipe of training, on three sets.

``held_out``: seven pictures in ten of each category are trained on and are the gallery, the
others are queries. ``left_out``: training knows two thirds of the categories, and pictures of
the others are looked for among each other. Both with several seeds, which draw the pictures or
the categories, and by cosine; ``.gain`` is the mean difference to the base's own features, and
``.low`` and ``.high`` are the ends of its interval of 95 % (Student's t over seeds).

When training stops is decided by pictures that are no queries of that figure: the queries are
halved, and each half is asked of a head that the other half stopped.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench import fashion
from bench.calibration_sets import features_of, in_two
from bench.command import Plan, command
from bench.facts import Fact
from bench.openclipart import openclipart
from bench.recipes import WAYS, Train
from demo.samples import stamps
from lookalike.progress import track
from lookalike.settings import Settings
from lookalike.vectors import Vectors
from training.labelled import Labelled, Labels, Rows
from training.retrieval import leave_one_out, query_gallery

SEEDS, QUICK_SEEDS = 5, 2
# Student's t of 95 %, both tails, by the number of seeds (any table of it).
T_OF_SEEDS = {2: 12.706, 5: 2.776}
HELD_OUT = 0.3
FASHION, QUICK_FASHION = 2_000, 300
QUICK_WAYS = 2
LEFT_OUT_SEED = 100
PRETRAINED = "pretrained"


class Found(NamedTuple):
    """Retrieval mAP of each seed, by what was asked."""

    held_out: list[float]
    left_out: list[float]


@contextmanager
def embeddings(quick: bool) -> Iterator[Plan]:
    """Train on each set by each recipe, and measure."""
    plan = Plan(item="", rounds=1, candidates=[])
    for name, data in _sets(quick):
        seeds = range(QUICK_SEEDS if quick else SEEDS)
        pairs = [_pretrained(data, seed) for seed in seeds]
        base = Found([held_out for held_out, _ in pairs], [left_out for _, left_out in pairs])
        plan.facts.extend(_facts(f"{name}.{PRETRAINED}", base, base))
        # A quick run tries all ways on its first set alone.
        several = QUICK_WAYS if quick and plan.facts[0].name.partition(".")[0] != name else None
        for way, train in islice(WAYS.items(), several):
            found = Found([], [])
            for seed in track(seeds, f"training on {name}, {way}"):
                found.held_out.append(_held_out(data, train, seed))
                found.left_out.append(_left_out(data, train, seed))
            plan.facts.extend(_facts(f"{name}.{way}", found, base))
    yield plan


def _sets(quick: bool) -> Iterator[tuple[str, Labelled]]:
    cache = Path(Settings.from_environment().cache)
    yield "stamps", features_of(stamps(cache), 32 if quick else 224, views=0)
    yield "openclipart", features_of(openclipart(cache), 32 if quick else 128, views=0)
    pooled, labels = fashion.pooled_features(cache, QUICK_FASHION if quick else FASHION)
    yield "fashion", Labelled(pooled[:, None], labels)


def _pretrained(data: Labelled, seed: int) -> tuple[float, float]:
    """Give the mAP of the base's own features: of held-out pictures, of categories left out."""
    train, queries = in_two(data.labels, HELD_OUT, seed)
    _, left_out = without_a_third(data.labels, seed)
    asked = data.originals[queries], data.labels[queries]
    held_out = query_gallery(*asked, data.originals[train], data.labels[train], "cosine")
    among = leave_one_out(data.originals[left_out], data.labels[left_out], "cosine")
    return float(held_out.average_precision.mean()), float(among.average_precision.mean())


def _held_out(data: Labelled, train: Train, seed: int) -> float:
    """Give the mAP of held-out pictures, each asked of a head that others of them stopped."""
    known, queries = in_two(data.labels, HELD_OUT, seed)
    halves = queries[::2], queries[1::2]
    found = []
    for asked, stopping in (halves, halves[::-1]):
        vectors = _embedded(data, known, stopping, train, seed)
        ranked = query_gallery(
            vectors[asked], data.labels[asked], vectors[known], data.labels[known], "cosine"
        )
        found.append(ranked.average_precision)
    return float(np.concatenate(found).mean())


def _left_out(data: Labelled, train: Train, seed: int) -> float:
    """Give the mAP among pictures of categories that training never saw."""
    known, left_out = without_a_third(data.labels, seed)
    trained, stopping = (known[rows] for rows in in_two(data.labels[known], HELD_OUT, seed))
    vectors = _embedded(data, trained, stopping, train, seed)[left_out]
    return float(leave_one_out(vectors, data.labels[left_out], "cosine").average_precision.mean())


def _embedded(data: Labelled, known: Rows, stopping: Rows, train: Train, seed: int) -> Vectors:
    """Train on some of the pictures, and embed all of them."""
    names, numbers = np.unique(data.labels[known], return_inverse=True)
    sides = (
        Labelled(data.vectors[known], numbers),
        Labelled(data.vectors[stopping], np.searchsorted(names, data.labels[stopping])),
    )
    embedder = train(*sides, len(names), seed)
    return np.asarray(embedder.predict(data.originals, batch_size=1000, verbose=0))


def without_a_third(labels: Labels, seed: int) -> tuple[Rows, Rows]:
    """Leave a third of the categories out: give rows of the others, and of these."""
    names = np.random.default_rng(LEFT_OUT_SEED + seed).permutation(np.unique(labels))
    out = np.isin(labels, names[: round(len(names) / 3)])
    return np.flatnonzero(~out), np.flatnonzero(out)


def _facts(name: str, found: Found, base: Found) -> Iterator[Fact]:
    for figure in Found._fields:
        values = np.array(getattr(found, figure))
        unit = f"mAP, {len(values)} seeds: {values.min():.3f} to {values.max():.3f}"
        yield Fact(name=f"{name}.{figure}", value=float(values.mean()), unit=unit)
        if found is not base:
            yield from _gain(f"{name}.{figure}", values - np.array(getattr(base, figure)))


def _gain(name: str, gains: NDArray[np.float64]) -> Iterator[Fact]:
    error = T_OF_SEEDS[len(gains)] * gains.std(ddof=1) / np.sqrt(len(gains))
    mean = float(gains.mean())
    yield Fact(name=f"{name}.gain", value=mean, unit="beside the base's features")
    yield Fact(name=f"{name}.low", value=mean - float(error), unit="of that, interval of 95 %")
    yield Fact(name=f"{name}.high", value=mean + float(error), unit="likewise")


main = command("embeddings", embeddings)

if __name__ == "__main__":
    main()
