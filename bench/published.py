"""A store with a published index of synthetic vectors, which a real service can serve."""

import hashlib
from pathlib import Path

import numpy as np

from bench.photographs import jpeg
from bench.served_models import NAME
from export.saved_model import write_saved_model
from indexing.build import BuildSettings, build_base
from lookalike.calibration import Calibration
from lookalike.index import IndexDetails, ModelReference, PictureRow, Probe, write_probes
from lookalike.index import probes as probes_file
from lookalike.picture import PictureContract, read_picture
from lookalike.serving.rest import RestEmbedder
from lookalike.store import open_indexes
from lookalike.vectors import Metric, Vectors, prepared
from training.model import EMBEDDING_DIMENSIONS

INDEX = "default"
METRIC: Metric = "cosine"
# Of no data: so that hits have scores, as a trained model's do.
SCORED = Calibration(a=1.0, b=1.0, c=0.0, ece=0.02, queries=100, pairs=10_000, same=0.5)


def write_model(store: Path, size: int) -> ModelReference:
    """Put the production graph, untrained, into a store as version 1."""
    from bench.local_models import production_model  # imports TensorFlow

    contract = PictureContract(size=size)
    folder = store / "models" / NAME / "1"
    folder.mkdir(parents=True)
    write_saved_model(production_model(size), contract, folder, NAME)
    return ModelReference(
        name=NAME,
        version=1,
        weights_sha256="0" * 64,
        picture=contract,
        dimensions=EMBEDDING_DIMENSIONS,
        calibration=SCORED,
    )


def probe_of(model: ModelReference, rest: str) -> Probe:
    """Have a picture embedded by the model server at ``rest``."""
    picture = jpeg(64, 48, 0)
    pixels = read_picture(picture, model.picture)
    [vector] = RestEmbedder(rest, model.address).embed(pixels[np.newaxis])
    return Probe(hashlib.sha256(picture).hexdigest(), picture, vector.tolist())


def picture_id(number: int) -> str:
    """Name the picture of this number."""
    return f"{number:08}"


def publish(store: Path, model: ModelReference, probe: Probe, vectors: Vectors) -> IndexDetails:
    """Build and publish an index of ``float32[n, d]``, and make it the current one."""
    version, details = add_version(store, model, probe, vectors)
    open_indexes(str(store), INDEX).set_current(version)
    return details


def add_version(
    store: Path, model: ModelReference, probe: Probe, vectors: Vectors
) -> tuple[str, IndexDetails]:
    """Build and publish, as ``lookalike reindex`` does; give the version's name and details."""
    indexes = open_indexes(str(store), INDEX)
    rows = (
        PictureRow(picture_id(number), f"s3://pictures/{number}.jpg", f"label-{number % 50}", b"")
        for number in range(len(vectors))
    )
    with indexes.draft() as folder:
        built = build_base(rows, prepared(vectors, METRIC), BuildSettings(), folder)
        write_probes(folder / probes_file.FILE_NAME, [probe])
        details = IndexDetails(
            name=INDEX,
            model=model,
            metric=METRIC,
            factory=built.factory,
            search=built.search,
            trained=built.trained,
            shards=built.shards,
            pictures=len(vectors),
            quarantined=0,
            measured=built.measured,
        )
        return indexes.publish(folder, details), details
