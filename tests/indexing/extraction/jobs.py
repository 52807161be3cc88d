"""Extractions of these tests: small pictures, a store in a temporary folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from indexing.extraction.extract import Job, extract
from indexing.extraction.features import Features
from indexing.extraction.ledgers import EmbeddedPicture, Ledgers
from indexing.extraction.parts import Part
from indexing.extraction.settings import ExtractionSettings
from indexing.extraction.tally import Tally
from lookalike.catalogue import Picture
from lookalike.index import ModelReference
from lookalike.picture import PictureContract
from lookalike.serving.base import Embedder
from lookalike.vectors import Vectors
from tests.indexing.embedders import DIMENSIONS, Means

MODEL = ModelReference(
    name="embedder",
    version=1,
    weights_sha256="5" * 64,
    picture=PictureContract(size=32),
    dimensions=DIMENSIONS,
)
SMALL: dict[str, Any] = {"processes": 2, "batch": 8, "max_rejected": 1.0, "patience_seconds": 5.0}


def job(root: Path, part: Part | None = None) -> Job:
    return Job(
        store=str(root / "store"),
        scratch=root / "scratch",
        index="default",
        model=MODEL,
        part=part or Part(),
    )


def run(
    catalogue: Iterable[Picture],
    root: Path,
    embedder: Embedder | None = None,
    part: Part | None = None,
    **settings: Any,
) -> Tally:
    """Extract into ``root/store``."""
    given = ExtractionSettings(**{**SMALL, **settings})
    return extract(catalogue, job(root, part), embedder or Means(), given)


def features(root: Path) -> Features:
    return Features.of(str(root / "store"), MODEL)


def ledgers(root: Path, *, unfinished: bool = False) -> Ledgers:
    return Ledgers.of(str(root / "store"), "default", MODEL, unfinished=unfinished)


def embedded(root: Path) -> list[EmbeddedPicture]:
    with ledgers(root) as opened:
        return list(opened.embedded())


def reasons(root: Path, *, unfinished: bool = False) -> dict[str, str]:
    """Give the type of each picture without a vector, by id."""
    with ledgers(root, unfinished=unfinished) as opened:
        return {item.id: item.type for item in [*opened.quarantined(), *opened.missing()]}


def vectors(root: Path) -> Vectors:
    """Gather the vectors of the embedded pictures, in the order of their ids."""
    rows = embedded(root)
    digests = np.frombuffer(b"".join(row.sha256 for row in rows), np.uint8)
    out = np.full((len(rows), DIMENSIONS), np.nan, np.float32)
    features(root).gather(digests.reshape(-1, 32), out)
    return out
