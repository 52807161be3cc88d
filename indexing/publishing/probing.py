"""Choosing probe pictures: the base's, while they are still in the index, or new ones."""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import cv2

from indexing.extraction.features import Features
from indexing.publishing.vectors import raw_vectors
from indexing.publishing.wanted import Wanted
from lookalike.catalogue.storage import MAX_FILE_BYTES, read_bytes
from lookalike.errors import DataError, PictureError
from lookalike.index import Bits, IndexVersion, ModelReference, PictureRow, Probe, has_bit
from lookalike.picture import PictureContract, read_picture

# Probes prove the model, so a few do.
PROBES = 4
# Tried for each probe: files may be gone by the time that a version is built.
CANDIDATES = 8
# Larger files are kept as the pixels that the model sees, so that a version stays small.
MAX_BYTES = 8 << 20


def choose_probes(
    wanted: Wanted, count: int, features: Features, model: ModelReference
) -> list[Probe]:
    """Take pictures spread over the rows, with their bytes as they were embedded.

    Args:
        wanted: what the index is to hold.
        count: how many rows that is.
        features: has their vectors.
        model: that these are of.

    Raises:
        DataError: none of the pictures tried is still what was embedded.
    """
    step = max(1, count // (PROBES * CANDIDATES))
    spread = islice(wanted.rows(), 0, None, step)
    found = list(islice(_readable(spread, model.picture), PROBES * CANDIDATES))
    if not found:
        raise DataError(
            "no picture could be read again to serve as a probe: are the files still there?"
        )
    return _with_vectors(found[:: max(1, len(found) // PROBES)][:PROBES], features, model)


def kept_probes(base: IndexVersion, dead: Bits | None, probes: Sequence[Probe]) -> list[Probe]:
    """Give those of a base's probes whose pictures are in it still, as they were.

    Args:
        base: the version that has them.
        dead: bits of its base's rows, 1 for the dead; None where none is.
        probes: its probes.
    """
    rows = base.pictures.find([probe.id for probe in probes])
    return [
        probe
        for probe in probes
        if any(
            row < base.details.base_rows and (dead is None or not has_bit(dead, row))
            for row in rows.get(probe.id, ())
        )
    ]


def _readable(
    rows: Iterable[PictureRow], contract: PictureContract
) -> Iterator[tuple[PictureRow, bytes]]:
    for row in rows:
        try:
            data = read_bytes(row.uri, MAX_FILE_BYTES)
        except (OSError, PictureError):
            continue  # gone: another one will do
        if hashlib.sha256(data).digest() == row.sha256:
            yield row, data if len(data) <= MAX_BYTES else reduced(data, contract)


def reduced(data: bytes, contract: PictureContract) -> bytes:
    """Give a picture file of what a model sees of another one: read by its contract, the same.

    Args:
        data: an encoded picture that was embedded before.
        contract: of the model.
    """
    pixels = read_picture(data, contract, max_decoded_bytes=sys.maxsize)
    _, small = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return small.tobytes()


def _with_vectors(
    chosen: Sequence[tuple[PictureRow, bytes]], features: Features, model: ModelReference
) -> list[Probe]:
    vectors = raw_vectors([row for row, _ in chosen], features, model.dimensions)
    return [
        Probe(row.id, data, vector.tolist())
        for (row, data), vector in zip(chosen, vectors, strict=True)
    ]
