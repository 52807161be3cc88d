"""Calibration: this machine's figures, measured once and kept in the user's cache."""

import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from indexing.planner import measurements, samples
from indexing.planner.embedding import measure_embedding
from indexing.planner.figures import DEFAULTS, Figure
from indexing.planner.measurements import Values
from lookalike.errors import ConfigurationError
from lookalike.progress import working
from lookalike.settings import Settings
from lookalike.store import Location

FILE_NAME = "calibration.json"
DIMENSIONS = 128
VECTORS = 200_000
# By 60,000 a plan would probe five times the lists that 200,000 tell of, by 20,000 seventy times.
LEAST_VECTORS = 100_000
QUERIES = 500
# Two numbers of one law: either alone means nothing.
LAWS = ({"list_misses", "list_power"}, {"graph_misses", "graph_power"})


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, where and when."""

    host: str
    created: str
    vectors: int
    values: dict[str, float]


def calibrate(settings: Settings, vectors: int = VECTORS) -> Calibration:
    """Measure this machine, and the model server where one answers.

    What makes no sense is left out, with a warning, so that its default stays.

    Args:
        settings: say where the model server and the store are.
        vectors: how many to index; the fewer, the quicker and the less exact.
    """
    values: Values = {}
    for what, measure in _steps(settings, vectors, values):
        with working(f"measuring {what}"):
            values |= measure()
    kept = sensible(values)
    for name in (name for name in values if name not in kept):
        sys.stderr.write(f"{DEFAULTS[name].what}: no sensible value, so the default stays\n")
    return Calibration(
        host=platform.node(),
        created=datetime.now(UTC).strftime("%Y-%m-%d"),
        vectors=vectors,
        values=kept,
    )


def sensible(values: Values) -> Values:
    """Leave out what cannot be: costs of nothing, and lists that miss more than there is."""
    # A graph's law is not measured near one candidate, so that there it may well be over 1.
    wrong = {"list_misses"} if values.get("list_misses", 0) > 1 else set()
    wrong |= {name for name, value in values.items() if not value > 0}  # NaN is not, either
    for law in LAWS:
        wrong |= law if law & wrong else set()
    return {name: value for name, value in values.items() if name not in wrong}


def save(calibration: Calibration, cache: Path) -> Path:
    """Keep a calibration for the plans to come; give its file."""
    data = msgspec.json.format(msgspec.json.encode(calibration), indent=2)
    Location(str(cache)).write(FILE_NAME, data + b"\n")
    return cache / FILE_NAME


def load(cache: Path) -> Calibration | None:
    """Read the calibration that was kept, if there is one.

    Raises:
        ConfigurationError: the file is none.
    """
    path = cache / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Calibration)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise ConfigurationError(
            f"{path} is no calibration ({error}): run lookalike plan --calibrate again"
        ) from error


def figures(calibration: Calibration | None) -> dict[str, Figure]:
    """Give the defaults with what was measured in their place."""
    if calibration is None:
        return dict(DEFAULTS)
    here = calibration.host == platform.node()
    source = f"{calibration.created}, by lookalike plan --calibrate"
    if not here:
        source = f"measured on {calibration.host}, {source}"
    known = {name: value for name, value in calibration.values.items() if name in DEFAULTS}
    changed = {
        name: msgspec.structs.replace(DEFAULTS[name], value=value, source=source, measured=here)
        for name, value in known.items()
    }
    return {**DEFAULTS, **changed}


def _steps(
    settings: Settings, count: int, values: Values
) -> Iterator[tuple[str, Callable[[], Values]]]:
    """Name each measurement, the quick ones first; later ones use what earlier ones gave."""
    yield "how pictures are read", measurements.measure_reading
    yield "rows", measurements.measure_rows
    yield "a worker's memory", measurements.measure_worker
    drawn = samples.features(count + QUERIES, DIMENSIONS)
    vectors, queries = drawn[:count], drawn[count:]
    yield "exact search", lambda: measurements.measure_flat(vectors)
    yield "inverted lists", lambda: measurements.measure_lists(vectors, queries, values)
    yield "a graph", lambda: measurements.measure_graph(vectors, queries)
    yield "the model server", lambda: measure_embedding(settings)
