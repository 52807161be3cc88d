"""``extract``: gives every picture of a part its outcome, and a vector where it has one."""

import time
from collections import Counter
from collections.abc import Iterable, Sized
from contextlib import closing
from pathlib import Path

import msgspec

from indexing.extraction import tally as tallies
from indexing.extraction.embedding import Embedded
from indexing.extraction.features import Features, Known
from indexing.extraction.feeder import Settled
from indexing.extraction.ledger import Ledger
from indexing.extraction.parts import Part
from indexing.extraction.pipeline import Pipeline
from indexing.extraction.progress import Stages, meter
from indexing.extraction.settings import ExtractionSettings
from indexing.extraction.tally import Tally
from indexing.extraction.working_copy import WorkingCopy, ledgers_location
from indexing.shrinking import has_shrunk
from lookalike.catalogue import Picture
from lookalike.errors import CatalogueShrunk
from lookalike.index import ModelReference
from lookalike.progress import Meter
from lookalike.serving.base import Embedder


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is extracted into where.

    Attributes:
        store: root of the artefact store.
        scratch: local folder for the working copy of a remote store's ledger.
        index: name of the index.
        model: what embeds.
        part: which of the catalogue's pictures.
        deleted: ids that were deleted by name, and that the catalogue lacks for that.
    """

    store: str
    scratch: Path
    index: str
    model: ModelReference
    part: Part = Part()
    deleted: frozenset[str] = frozenset()


def extract(
    catalogue: Iterable[Picture],
    job: Job,
    embedder: Embedder,
    settings: ExtractionSettings,
) -> Tally:
    """Give every picture of a part its one outcome; new vectors go among the features.

    A run that was broken off goes on; otherwise a new one begins. Killed at any moment, at
    most the batches that were under way are done again.

    Raises:
        DataError: the catalogue has an id twice, or too many of its pictures no vector.
        CatalogueShrunk: more than a tenth of the pictures are gone; none is forgotten.
        ModelServerError: the server gave no vectors for the patience, or refuses them all.
        StoreError: another process extracts this part, or there is no room.
    """
    features = Features.of(job.store, job.model)
    ledgers = ledgers_location(job.store, job.index, job.model)
    with (
        closing(WorkingCopy(ledgers, job.part, job.scratch)) as copy,
        closing(features.known()) as known,
        closing(_ledger(copy, job, known)) as ledger,
    ):
        tally = Tally(resumed=ledger.resumed)
        _run(catalogue, Run(job, ledger, known, features, copy, settings, tally), embedder)
        ledger.flush(features)
        _check_size(ledger, job, settings)
        tally.removed = ledger.forget()
        tally.replace(ledger.counts())
        tallies.check(tally, settings.max_rejected, ledger.reasons(), early=False)
        ledger.finish()
        copy.finish()
    return tally


class Run(msgspec.Struct, frozen=True):
    """What a run works with."""

    job: Job
    ledger: Ledger
    known: Known
    features: Features
    copy: WorkingCopy
    settings: ExtractionSettings
    tally: Tally


def _ledger(copy: WorkingCopy, job: Job, known: Known) -> Ledger:
    return Ledger(copy.path, job.part, known.digests)


def _check_size(ledger: Ledger, job: Job, settings: ExtractionSettings) -> None:
    """Refuse before anything is forgotten: what a lost disk held must not all be read again."""
    before, now = ledger.sizes(job.deleted)
    if settings.allow_shrink or not has_shrunk(now, before):
        return
    raise CatalogueShrunk(
        f"the catalogue gives {now} pictures, the extraction before had {before} that nobody "
        "deleted: is a disk or a folder missing? If they are meant to be gone, say "
        "--allow-shrink; nothing was forgotten"
    )


def _run(catalogue: Iterable[Picture], run: Run, embedder: Embedder) -> None:
    """Run the stages; this thread is the last one, the only one that writes outcomes of reading."""
    pipeline = Pipeline(run.job.model, run.ledger, run.known, embedder, run.settings)
    stages = Stages(run.settings.processes, lambda: pipeline.sender.busy_seconds)
    total = _total(catalogue, run.job.part)
    # What the last run had says how far along this one is, and nothing certain of its end.
    expected = run.ledger.expected if total is None else total
    with (
        closing(meter(expected, stages)) as progress,
        pipeline.batches(catalogue) as batches,
    ):
        for batch in batches:
            if isinstance(batch, Settled):
                run.tally.add(batch.outcomes)
                progress.add(batch.outcomes.total())
            else:
                _write(batch, run, stages, progress)
            if tallies.hopeless(run.tally, run.settings.max_rejected, total):
                run.ledger.flush(run.features)
                reasons = run.ledger.reasons()
                tallies.check(run.tally, run.settings.max_rejected, reasons, early=True)


def _write(batch: Embedded, run: Run, stages: Stages, progress: Meter) -> None:
    started = time.perf_counter()
    judged = batch.judged
    run.ledger.record(judged.entries, judged.made, judged.kept)
    run.ledger.flush(run.features, run.settings.part_vectors)
    run.copy.checkpoint(run.ledger)
    stages.writing_seconds += time.perf_counter() - started
    stages.reading_seconds += batch.reading_seconds
    outcomes = judged.outcomes()
    run.tally.add(Counter(outcomes))
    run.tally.made += len(judged.made.digests) if judged.made else 0
    progress.add(len(outcomes))


def _total(catalogue: Iterable[Picture], part: Part) -> int | None:
    """Count the pictures where that costs nothing and is certain."""
    return len(catalogue) if isinstance(catalogue, Sized) and part.of == 1 else None
