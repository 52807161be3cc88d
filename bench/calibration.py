"""Calibration: how often hits are of the query's category, against the scores told of them.

Of each set of pictures three in ten are held back. On the others a model is trained and its
scores are calibrated, as ``lookalike train`` and ``export-model`` do it. Then the pictures held
back are searched with, as a user's new ones are, in an index of the training folder, and in
galleries that have more or fewer pictures that the model was trained on. All of it is repeated,
a seed each; what is timed is a calibration.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from statistics import mean
from typing import NamedTuple

import numpy as np

from bench.calibration_sets import Parts, divided, embedded, fashion_of, stamps_of
from bench.command import Plan, command
from bench.facts import Fact
from bench.harness import Candidate
from lookalike.calibration import Calibration, Scores
from lookalike.progress import track
from training.beta_calibration import Outcomes
from training.calibration import calibrate, calibration_error, reliability
from training.labelled import Labelled, Rows
from training.retrieval import Neighbours

SEEDS = {"stamps128": 12, "stamps224": 12, "fashion32": 5}
QUICK_SEEDS = 1
FASHION, QUICK_FASHION = 10_000, 4000
INDEXED = "indexed"
CHANCE_SEED, CHANCE_DRAWS = 0, 50


class Trial(NamedTuple):
    """One seed: hits that a calibration was fitted on, it, and new pictures' hits by gallery."""

    fitted_on: Neighbours
    made: Calibration
    found: dict[str, Neighbours]

    def error(self, gallery: str) -> float:
        """The calibration error on the new pictures."""
        found = self.found[gallery]
        return calibration_error(self.made.scores(found.distances), found.same)


@contextmanager
def calibration(quick: bool) -> Iterator[Plan]:
    """Calibrate on each set with each seed, and judge by pictures that were held back."""
    plan = Plan(item="hits", rounds=2 if quick else 5, candidates=[])
    for name, data in _sets(quick):
        seeds = range(QUICK_SEEDS if quick else SEEDS[name])
        trials = [_trial(data, seed) for seed in track(seeds, f"training on {name}")]
        plan.candidates.append(_timed(name, trials[0].fitted_on))
        plan.facts.extend(_facts(name, trials))
    yield plan


def _sets(quick: bool) -> Iterator[tuple[str, Labelled]]:
    yield "stamps128", stamps_of(32 if quick else 128)
    yield "stamps224", stamps_of(64 if quick else 224)
    yield "fashion32", fashion_of(QUICK_FASHION if quick else FASHION)


def _trial(data: Labelled, seed: int) -> Trial:
    parts = divided(data.labels, seed)
    model = embedded(data, parts, seed)
    fitted_on = model.found(parts.held_out, np.concatenate([parts.trained, parts.held_out]))
    made = calibrate(fitted_on.distances, fitted_on.same)
    assert isinstance(made, Calibration), made
    found = {name: model.found(parts.held_back, rows) for name, rows in _galleries(parts).items()}
    return Trial(fitted_on, made, found)


def _galleries(parts: Parts) -> dict[str, Rows]:
    return {
        # What reindexing the folder of training gives.
        INDEXED: np.concatenate([parts.trained, parts.held_out]),
        "with_new": np.concatenate(parts),
        "trained_on": parts.trained,
        "unseen": np.concatenate([parts.held_out, parts.held_back]),
    }


def _timed(name: str, hits: Neighbours) -> Candidate:
    work = partial(calibrate, hits.distances, hits.same)
    return Candidate(name=f"{name}.calibrate", items=hits.same.size, run=work)


def _facts(name: str, trials: Sequence[Trial]) -> Iterator[Fact]:
    errors = [trial.error(INDEXED) for trial in trials]
    yield Fact(name=f"{name}.ece", value=mean(errors), unit=f"new pictures, {len(errors)} seeds")
    yield Fact(name=f"{name}.ece.worst", value=max(errors), unit="of the seeds")
    chance = mean(_by_chance(trial) for trial in trials)
    yield Fact(name=f"{name}.ece.chance", value=chance, unit="were scores right, hits independent")
    told = mean(trial.made.ece for trial in trials)
    yield Fact(name=f"{name}.ece.card", value=told, unit="what the cards say")
    for gallery in trials[0].found:
        value = mean(trial.error(gallery) for trial in trials)
        yield Fact(name=f"{name}.{gallery}.ece", value=value, unit="in this gallery")
        scores, same = _together(trials, gallery)
        bias = float(scores.mean() - same.mean())
        yield Fact(name=f"{name}.{gallery}.bias", value=bias, unit="scores less right hits")
    for number, one in enumerate(reliability(*_together(trials, INDEXED)), start=1):
        unit = f"of {one.pairs:,} hits are right; their scores say {one.predicted:.3f}"
        yield Fact(name=f"{name}.bin{number}", value=one.observed, unit=unit)


def _by_chance(trial: Trial) -> float:
    """Give the error that so few hits would show were every score right: never nothing."""
    scores = trial.made.scores(trial.found[INDEXED].distances)
    draw = np.random.default_rng(CHANCE_SEED)
    outcomes = (draw.random(scores.shape) < scores for _ in range(CHANCE_DRAWS))
    return mean(calibration_error(scores, same) for same in outcomes)


def _together(trials: Sequence[Trial], gallery: str) -> tuple[Scores, Outcomes]:
    hits = [trial.found[gallery] for trial in trials]
    scores = [t.made.scores(found.distances) for t, found in zip(trials, hits, strict=True)]
    return np.concatenate(scores), np.concatenate([found.same for found in hits])


main = command("calibration", calibration)

if __name__ == "__main__":
    main()
