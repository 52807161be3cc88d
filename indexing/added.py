"""The rows of additions, each with a vector of the model at hand."""

import sys
from collections.abc import Iterable

import numpy as np

from indexing.changed_catalogue import added_picture
from indexing.extraction.features import Features
from indexing.extraction.known import as_digests
from lookalike.catalogue.storage import MAX_FILE_BYTES, read_bytes
from lookalike.changes import Addition, ChangeLog, Standing
from lookalike.errors import ModelServerRejected, NoFeatures, PictureError
from lookalike.index import ModelReference, PictureRow, vector_of
from lookalike.picture import read_picture
from lookalike.serving import Embedder
from lookalike.settings import Settings
from lookalike.vectors import Vectors, without_features

# Of these it is certain that the same model gives no vector the next time either.
UNUSABLE = PictureError, NoFeatures, ModelServerRejected, FileNotFoundError


def keep_vectors(additions: Iterable[Addition], features: Features, model: ModelReference) -> None:
    """Put the vectors that records have of a model to its features, where they are new.

    So a picture that was embedded as it was added is not embedded again.
    """
    vectors: dict[bytes, Vectors] = {}
    for addition in additions:
        vector = vector_of(addition, model)
        if vector is not None:
            vectors[bytes.fromhex(addition.sha256)] = vector
    if not vectors:
        return
    digests = as_digests(list(vectors))
    there, _ = features.find(digests)
    new = ~there
    if new.any():
        features.write(digests[new], np.stack(list(vectors.values()))[new])


class AddedRows:
    """Gives additions as rows, and embeds those that came too late for extraction.

    Args:
        log: has their bytes.
        features: of the model.
        model: which it is.
        embedder: of the model, live.
        settings: limits of reading.
    """

    def __init__(
        self,
        log: ChangeLog,
        features: Features,
        model: ModelReference,
        embedder: Embedder,
        settings: Settings,
    ) -> None:
        self._log, self._features, self._model = log, features, model
        self._embedder, self._settings = embedder, settings

    def rows(self, now: Standing) -> list[PictureRow]:
        """Give the rows of all additions that have features, sorted by id.

        One that this model can make no vector of is told on standard error, and left out.

        Raises:
            ModelServerError, StoreError, OSError: there is no vector of one now, and may be
                later: a version without it would count it as taken in.
        """
        additions = [addition for _, addition in sorted(now.added.items())]
        if not additions:
            return []
        keep_vectors(additions, self._features, self._model)
        digests = as_digests([bytes.fromhex(addition.sha256) for addition in additions])
        there, empty = self._features.find(digests)
        usable = [
            addition
            for addition, known, zero in zip(additions, there, empty, strict=True)
            if not zero and (known or self._embedded(addition))
        ]
        return [self._row(addition) for addition in usable]

    def _row(self, addition: Addition) -> PictureRow:
        picture = added_picture(addition, self._log)
        sha256 = bytes.fromhex(addition.sha256)
        return PictureRow(picture.id, picture.uri, picture.label, sha256, picture.attributes)

    def _embedded(self, addition: Addition) -> bool:
        """Embed one addition and keep its vector; False where the model can make none of it."""
        try:
            self._embed(addition)
        except UNUSABLE as error:
            sys.stderr.write(f"warning: the addition {addition.id!r} is left out: {error}\n")
            return False
        return True

    def _embed(self, addition: Addition) -> None:
        data = read_bytes(self._log.picture_uri(addition), MAX_FILE_BYTES)
        limit = self._settings.max_decoded_bytes
        vectors = self._embedder.embed(
            read_picture(data, self._model.picture, max_decoded_bytes=limit)[np.newaxis]
        )
        if without_features(vectors)[0]:
            raise NoFeatures("the model sees nothing in it")
        self._features.write(as_digests([bytes.fromhex(addition.sha256)]), vectors)
