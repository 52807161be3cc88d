"""Building: from outcomes to the files of an index version, in a draft folder."""

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path

import faiss
import msgspec
import numpy as np
import numpy.typing as npt

from indexing.factory import Recipe
from indexing.outcome import Embedded, Outcomes, Rejected
from lookalike.errors import ConfigurationError
from lookalike.index import (
    IndexDetails,
    ModelReference,
    PictureRow,
    Probe,
    Shard,
    write_pictures,
    write_probes,
)
from lookalike.index import pictures as pictures_file
from lookalike.index import probes as probes_file
from lookalike.index.faiss_index import search_parameters
from lookalike.index.pictures import Quarantined
from lookalike.vectors import Metric, Vectors, prepared

SHARD = "shard-00000.faiss"
# Probes prove the model, so a few do; a limit on their size keeps a version small.
PROBES = 4
PROBE_CANDIDATES = 4
PROBE_MAX_BYTES = 8 << 20
RECALL_QUERIES = 200
RECALL_K = 10
RECALL_SEED = 7
COMMON_DIMENSIONS = 128


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to build."""

    name: str
    model: ModelReference
    metric: Metric
    recipe: Recipe


def build(outcomes: Outcomes, plan: Plan, folder: Path) -> IndexDetails:
    """Write shards, pictures and probes into ``folder``; give what the manifest is to say.

    Rows are the embedded pictures in the catalogue's order. ``outcomes`` must hold at
    least one.
    """
    vectors = prepared(outcomes.vectors(), plan.metric)
    recall = _write_shard(vectors, plan.recipe, folder / SHARD)
    write_pictures(
        folder / pictures_file.FILE_NAME,
        map(_row, outcomes.embedded),
        map(_quarantined, outcomes.rejected),
    )
    write_probes(folder / probes_file.FILE_NAME, _probes(outcomes.embedded))
    return IndexDetails(
        name=plan.name,
        model=plan.model,
        metric=plan.metric,
        factory=plan.recipe.factory,
        search=plan.recipe.search,
        shards=[Shard(file=SHARD, vectors=len(vectors))],
        pictures=len(outcomes.embedded),
        quarantined=len(outcomes.rejected),
        recall_at_10=recall,
    )


def check_factory(factory: str) -> None:
    """Raise ConfigurationError for a string that faiss makes no index of."""
    try:
        faiss.index_factory(COMMON_DIMENSIONS, factory)
    except RuntimeError as error:
        raise ConfigurationError(f"--factory {factory!r} is none that faiss knows") from error


def _write_shard(vectors: Vectors, recipe: Recipe, path: Path) -> float:
    index = faiss.index_factory(vectors.shape[1], recipe.factory)
    index.train(vectors)
    index.add(vectors)
    faiss.write_index(index, str(path))
    return measure_recall(index, vectors, recipe)


def measure_recall(index: faiss.Index, vectors: Vectors, recipe: Recipe) -> float:
    """Measure recall@10 on a sample of the index's own vectors, each left out of its answer.

    A hit counts where it is as near as the tenth nearest found exactly, so that ties
    (the same picture twice) do not count against the index.
    """
    sample = np.random.default_rng(RECALL_SEED).permutation(len(vectors))[:RECALL_QUERIES]
    queries, k = vectors[sample], min(RECALL_K + 1, len(vectors))
    if k == 1:
        return 1.0  # a lone vector has no neighbours to miss
    exact, _ = faiss.knn(queries, vectors, k)
    _, found = index.search(queries, k, params=search_parameters(index, recipe.search))
    found = _without(sample, found)
    # Compressed indexes answer approximate distances: take those of the vectors themselves.
    gaps = np.where(
        found >= 0, ((vectors[found] - queries[:, np.newaxis]) ** 2).sum(axis=2), np.inf
    )
    bound = exact[:, -1:] * (1 + 1e-4) + 1e-6
    return float((gaps <= bound).mean())


def _without(sample: npt.NDArray[np.int64], found: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Take each query's own row out of ``found [n, k]``, or the farthest where it is not there."""
    others = [row[row != own][: found.shape[1] - 1] for own, row in zip(sample, found, strict=True)]
    return np.stack(others)


def _row(item: Embedded) -> PictureRow:
    return PictureRow(item.picture.id, item.picture.uri, item.picture.label, item.sha256)


def _quarantined(item: Rejected) -> Quarantined:
    return Quarantined(item.picture.id, item.picture.uri, item.type, item.detail)


def _probes(embedded: Sequence[Embedded]) -> list[Probe]:
    """Take pictures spread over the catalogue, with their bytes as they were embedded."""
    step = max(1, len(embedded) // (PROBES * PROBE_CANDIDATES))
    found = filter(None, map(_probe, [*embedded[::step], *embedded]))
    candidates = list(itertools.islice(found, PROBES * PROBE_CANDIDATES))
    return candidates[:: max(1, len(candidates) // PROBES)][:PROBES]


def _probe(item: Embedded) -> Probe | None:
    """Read a picture again; none where it is large, gone, or another than was embedded."""
    try:
        data = item.picture.path.read_bytes()
    except OSError:
        return None
    if len(data) > PROBE_MAX_BYTES or hashlib.sha256(data).digest() != item.sha256:
        return None
    return Probe(item.picture.id, data, item.vector.tolist())
