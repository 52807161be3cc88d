"""The base of a version: every picture, in shards that share what was trained."""

import math
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np

from indexing.build import tuning
from indexing.build.segment import Segment, build_segment
from indexing.build.settings import BuildSettings
from indexing.build.shards import shard_name, write_rows
from indexing.build.training import TRAINED, check_recipe, make, train
from indexing.build.vectors import Positions, vector_file
from indexing.build.workers import Work, build_all
from indexing.factory import HNSW_LINK_BYTES, ROW_NUMBER_BYTES, choose
from lookalike.errors import DataError
from lookalike.index import Measured, PictureRow, SearchParameters, Shard
from lookalike.index.kinds import layers
from lookalike.progress import Meter
from lookalike.vectors import Vectors

# What a segment takes while it grows, by what it holds: faiss' vectors double, then copy.
GROWTH = 3


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What was built, as the manifest is to say it."""

    factory: str
    search: SearchParameters
    shards: list[Shard]
    trained: str | None
    measured: Measured


def build_base(
    rows: Iterable[PictureRow], vectors: Vectors, settings: BuildSettings, folder: Path
) -> Built:
    """Write the base shards of a version, and tune and measure search over them.

    Args:
        rows: what each vector is of, in their order; shards keep it, so sorted by id.
        vectors: ``float32[n, d]``, one at least, prepared for the index's metric. Mapped from
            a file (``numpy.memmap``) they are never all in memory.
        settings: how to build.
        folder: an existing folder for the files.

    Raises:
        DataError: two rows have one id, or rows and vectors are not as many.
        ConfigurationError: the recipe is none that can be built, or searched, here.
    """
    count, dimensions = vectors.shape
    recipe = settings.recipe or choose(count, dimensions, settings.index_bytes)
    check_recipe(recipe, dimensions)
    positions = write_rows(rows, count, math.ceil(count / settings.shard_limit), folder)
    if sum(map(len, positions)) != count:
        raise DataError(f"{sum(map(len, positions))} rows do not go with {count} vectors")
    trained = folder / TRAINED
    trains = train(recipe.factory, vectors, trained, settings.seed, settings.threads)
    segments = _segments(recipe.factory, trained if trains else None, positions, settings.threads)
    shards = _build(segments, vectors, positions, settings, folder)
    search, measured = tuning.tune(
        folder, shards, vectors, np.concatenate(positions), recipe.search, settings
    )
    return Built(
        factory=recipe.factory,
        search=search,
        shards=shards,
        trained=TRAINED if trains else None,
        measured=measured,
    )


def _segments(
    factory: str, trained: Path | None, positions: Sequence[Positions], threads: int
) -> list[Segment]:
    counts = [len(held) for held in positions]
    return [
        Segment(
            name=shard_name(number),
            factory=factory,
            trained=trained,
            first_row=sum(counts[:number]),
            threads=threads,
        )
        for number in range(len(positions))
    ]


def _build(
    segments: Sequence[Segment],
    vectors: Vectors,
    positions: Sequence[Positions],
    settings: BuildSettings,
    folder: Path,
) -> list[Shard]:
    with closing(Meter("adding vectors", len(vectors))) as meter:
        if len(segments) == 1:
            # faiss' threads add to one shard as fast as processes would to parts of it.
            return [build_segment(segments[0], vectors, positions[0], folder, meter.add)]
        processes = _processes(segments, vectors, settings)
        threads = max(1, settings.threads // processes)
        with tempfile.TemporaryDirectory(dir=folder) as name:
            scratch = Path(name)
            file = vector_file(vectors, scratch)
            work = []
            for segment, held in zip(segments, positions, strict=True):
                path = scratch / f"{segment.name}.npy"
                np.save(path, held)
                own = msgspec.structs.replace(segment, threads=threads)
                work.append(Work(own, file, path, folder))
            return build_all(work, processes, meter)


def _processes(segments: Sequence[Segment], vectors: Vectors, settings: BuildSettings) -> int:
    """So many shards at once as processes, cores and memory allow, but one at least."""
    most = min(settings.processes, len(segments))
    if settings.memory_bytes is None:
        return most
    kind = layers(make(segments[0].factory, vectors.shape[1]))
    held = kind.core.code_size if not kind.graph else kind.core.storage.code_size + HNSW_LINK_BYTES
    held += ROW_NUMBER_BYTES + (kind.refine.code_size if kind.refine is not None else 0)
    shard_bytes = GROWTH * held * len(vectors) / len(segments)
    return max(1, min(most, int(settings.memory_bytes / shard_bytes)))
