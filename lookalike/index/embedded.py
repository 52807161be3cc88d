"""Vectors within records of additions, and which model they are of."""

import numpy as np

from lookalike.changes import Addition, Embedding
from lookalike.index.details import ModelReference
from lookalike.vectors import Vectors

STORED = np.dtype("<f4")


def embedding_of(vector: Vectors, model: ModelReference) -> Embedding:
    """Write ``float32[d]``, as the model gave it, for a record."""
    return Embedding(
        model=model.name,
        version=model.version,
        weights_sha256=model.weights_sha256,
        vector=np.asarray(vector, STORED).tobytes(),
    )


def vector_of(addition: Addition, model: ModelReference) -> Vectors | None:
    """Give an addition's vector, ``float32[d]``; None where the record has none of this model.

    One that is damaged (of another length, not finite, all zero) is none either: the
    picture is embedded again.
    """
    kept = addition.embedding
    if kept is None or (kept.model, kept.version, kept.weights_sha256) != (
        model.name,
        model.version,
        model.weights_sha256,
    ):
        return None
    if len(kept.vector) != model.dimensions * STORED.itemsize:
        return None
    vector = np.frombuffer(kept.vector, STORED).astype(np.float32)
    return vector if np.isfinite(vector).all() and vector.any() else None
