"""One version of an index, opened: vectors, what they are, and the probes."""

from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from lookalike.errors import DigestMismatch
from lookalike.index import pictures, probes
from lookalike.index.details import IndexDetails
from lookalike.index.faiss_index import Distances, FaissIndex, Rows
from lookalike.index.probes import ProbeCheck
from lookalike.store import manifest
from lookalike.vectors import Vectors, prepared


class Hit(msgspec.Struct, frozen=True):
    """A picture that was found, and its Euclidean distance from the query."""

    picture: pictures.PictureRow
    distance: float


class VectorIndex(Protocol):
    """What searches vectors; past one machine's memory a distributed engine can stand here."""

    size: int

    def search(self, queries: Vectors, k: int) -> tuple[Distances, Rows]:
        """See :meth:`lookalike.index.faiss_index.FaissIndex.search`."""
        ...


class IndexVersion:
    """An opened version; safe to share between threads.

    Args:
        name: the version, as the store names it.
        folder: its verified local folder (:class:`lookalike.store.VerifiedCache`).
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.details = read_details(folder)
        self.probes = ProbeCheck(folder / probes.FILE_NAME, self.details.model.picture)
        self.pictures = pictures.PictureTable(folder / pictures.FILE_NAME)
        self.vectors: VectorIndex = FaissIndex(folder, self.details.shards, self.details.search)

    def search(self, vector: Vectors, k: int) -> list[Hit]:
        """Find the ``k`` pictures nearest to one ``float32[d]``, nearest first."""
        query = prepared(vector[np.newaxis], self.details.metric)
        distances, rows = self.vectors.search(query, min(k, self.vectors.size))
        found = rows[0] >= 0
        pictures_found = self.pictures.rows(rows[0][found].tolist())
        return [
            Hit(picture, distance)
            for picture, distance in zip(pictures_found, distances[0][found].tolist(), strict=True)
        ]

    def close(self) -> None:
        """Close the files; mapped vectors go with the last reference."""
        self.pictures.close()


def read_details(folder: Path) -> IndexDetails:
    """Read what a version's manifest says about it."""
    path = folder / manifest.FILE_NAME
    made = manifest.decode_manifest(path.read_bytes(), str(path))
    return decode_details(made, str(path))


def decode_details(made: manifest.Manifest, where: str) -> IndexDetails:
    """Decode the details of an index's manifest; raise DigestMismatch where they are not one's."""
    try:
        return msgspec.json.decode(made.details, type=IndexDetails)
    except msgspec.DecodeError as error:
        raise DigestMismatch(f"{where} is not an index's manifest: {error}") from error
