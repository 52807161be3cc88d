"""Extraction: from a catalogue's pictures to one outcome each, reading and embedding overlapped."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np

from indexing.features import FeatureCache
from indexing.outcome import Embedded, Outcome, Outcomes, Rejected
from indexing.reader import Read, Work, read_file, reading_pool
from lookalike.catalogue import Picture
from lookalike.errors import ModelServerUnavailable, NoFeatures
from lookalike.overlap import overlapped
from lookalike.picture import PictureContract
from lookalike.progress import track
from lookalike.serving import Embedder
from lookalike.vectors import Vectors, without_features

# A stretch of pictures whose vectors are known is passed on after so many of them.
MOST_PICTURES = 256

Pause = Callable[[float], None]


class ExtractionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How extraction runs; none of it changes a vector."""

    processes: int = 2
    batch: int = 16
    in_flight: int = 2
    max_decoded_bytes: int = 256_000_000
    patience_seconds: float = 120.0


class _Batch(msgspec.Struct):
    """Pictures in the catalogue's order; those with pixels wait for a vector."""

    pictures: list[Picture] = msgspec.field(default_factory=list)
    reads: list[Read] = msgspec.field(default_factory=list)
    vectors: Vectors | None = None

    def to_embed(self) -> list[Read]:
        return [read for read in self.reads if read.pixels is not None]


def extract(
    pictures: Iterable[Picture],
    contract: PictureContract,
    embedder: Embedder,
    features: FeatureCache,
    settings: ExtractionSettings,
) -> Outcomes:
    """Give every picture its one outcome; new vectors go into the feature cache.

    Raises:
        ModelServerError: the model server failed, or stayed away for longer than
            ``settings.patience_seconds``; what was embedded until then is kept.
    """
    work = Work(contract, settings.max_decoded_bytes, features.digests())
    outcomes = Outcomes()
    try:
        with (
            reading_pool(work, settings.processes) as readers,
            ThreadPoolExecutor(settings.in_flight) as senders,
        ):
            catalogue = list(pictures)
            reads = overlapped(
                readers, read_file, _paths(catalogue), settings.batch * settings.processes * 2
            )
            batches = _batched(zip(catalogue, reads, strict=True), settings.batch)
            done = overlapped(
                senders,
                lambda batch: _embed(batch, embedder, settings),
                batches,
                settings.in_flight + 1,
            )
            for outcome in track(_outcomes(done, features), "embedding", len(catalogue)):
                _record(outcome, outcomes, work.known)
    finally:
        features.flush()
    return outcomes


def _paths(pictures: Iterable[Picture]) -> Iterator[Path]:
    return (picture.path for picture in pictures)


def _batched(items: Iterable[tuple[Picture, Read]], size: int) -> Iterator[_Batch]:
    """Cut the stream where a batch has ``size`` pictures to embed, or many that need none."""
    batch, waiting = _Batch(), 0
    for picture, read in items:
        batch.pictures.append(picture)
        batch.reads.append(read)
        waiting += read.pixels is not None
        if waiting == size or len(batch.pictures) == MOST_PICTURES:
            yield batch
            batch, waiting = _Batch(), 0
    if batch.pictures:
        yield batch


def _embed(batch: _Batch, embedder: Embedder, settings: ExtractionSettings) -> _Batch:
    reads = batch.to_embed()
    if reads:
        pixels = np.stack([read.pixels for read in reads if read.pixels is not None])
        batch.vectors = patiently(lambda: embedder.embed(pixels), settings.patience_seconds)
    return batch


def patiently(
    call: Callable[[], Vectors], patience_seconds: float, pause: Pause = time.sleep
) -> Vectors:
    """Call until the model server is there again, waiting longer each time, within the patience."""
    waited, wait = 0.0, 0.1
    while True:
        try:
            return call()
        except ModelServerUnavailable:
            if waited >= patience_seconds:
                raise
        pause(wait)
        waited, wait = waited + wait, min(wait * 2, 5.0)


def _outcomes(batches: Iterable[_Batch], features: FeatureCache) -> Iterator[Outcome]:
    for batch in batches:
        if batch.vectors is not None:
            features.put([read.sha256 for read in batch.to_embed()], batch.vectors)
        for picture, read in zip(batch.pictures, batch.reads, strict=True):
            yield _outcome(picture, read, features)


def _outcome(picture: Picture, read: Read, features: FeatureCache) -> Outcome:
    if read.error_type:
        return Rejected(picture, read.error_type, read.error)
    vector = features.get(read.sha256)
    if without_features(vector[np.newaxis])[0]:
        return Rejected(picture, NoFeatures.type, NoFeatures.title)
    return Embedded(picture, read.sha256, vector)


def _record(outcome: Outcome, outcomes: Outcomes, known: frozenset[bytes]) -> None:
    if isinstance(outcome, Rejected):
        outcomes.rejected.append(outcome)
        return
    outcomes.embedded.append(outcome)
    outcomes.reused += outcome.sha256 in known
