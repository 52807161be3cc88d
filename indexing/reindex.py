"""The job behind the CronJob ``reindex``: from a catalogue to a published, checked version.

Its two halves are commands of their own, ``extract`` and ``build``, for a catalogue that
many pods extract.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from indexing.added import AddedRows, keep_vectors
from indexing.changed_catalogue import ChangedCatalogue
from indexing.extraction.compaction import compact
from indexing.extraction.extract import Job, extract
from indexing.extraction.features import Features
from indexing.extraction.ledgers import Ledgers
from indexing.extraction.parts import Part
from indexing.extraction.settings import ExtractionSettings
from indexing.extraction.tally import Tally
from indexing.model import model_reference, wait_until_served
from indexing.packing import pack
from indexing.publishing import Base, GateSettings, LedgerRows, Plan, Published, Publisher
from lookalike.catalogue import Catalogue, check_unique
from lookalike.changes import ChangeLog, open_changes
from lookalike.errors import DataError, StoreFull
from lookalike.index import ModelReference
from lookalike.serving import Embedder
from lookalike.serving.grpc import GrpcEmbedder
from lookalike.settings import Settings
from lookalike.store import open_indexes, open_models


class ModelOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which model embeds.

    Attributes:
        version: of the store; None: the newest.
        wait_seconds: for a model server that does not have it yet.
    """

    version: int | None
    wait_seconds: float


class Live(msgspec.Struct, frozen=True):
    """A model of the store and the model server that has it."""

    model: ModelReference
    embedder: Embedder


def check_not_empty(catalogue: Catalogue, source: str, settings: Settings) -> None:
    """Refuse a source without pictures where no index was ever made of any.

    Where there is one, its gate decides, once all of the catalogue is known.

    Raises:
        DataError: so it is.
    """
    if open_indexes(settings.store, settings.index).versions():
        return
    if next(iter(catalogue), None) is None:
        raise DataError(
            f"{source} has no pictures: is it the right place? Of a folder, what lies in its "
            "folders counts, one a label"
        )


@contextmanager
def live_model(settings: Settings, options: ModelOptions) -> Iterator[Live]:
    """Find the model, wait until the model server has it, and keep the connection.

    Raises:
        VersionNotFound: the store has no such model.
        ModelServerError: the model server does not answer for it in time.
    """
    models = open_models(settings.store, settings.model)
    model = model_reference(models, settings.model, options.version)
    embedder = GrpcEmbedder(settings.model_server_grpc, model.address)
    try:
        wait_until_served(embedder, model, options.wait_seconds)
        yield Live(model, embedder)
    finally:
        embedder.close()


def extract_part(
    catalogue: Catalogue,
    part: Part,
    live: Live,
    settings: Settings,
    extraction: ExtractionSettings,
) -> Tally:
    """Give every picture of a part of the catalogue its outcome.

    Raises:
        DataError: two pictures have one id, or too many have no vector.
        CatalogueShrunk: more than a tenth of the pictures are gone.
    """
    if not catalogue.distinct:
        check_unique(catalogue)
    changes = open_changes(settings.store, settings.index)
    now = changes.standing()
    keep_vectors(now.added.values(), Features.of(settings.store, live.model), live.model)
    changed = ChangedCatalogue(catalogue, now, changes)
    job = Job(
        store=settings.store,
        scratch=Path(settings.cache) / "ledgers" / settings.index,
        index=settings.index,
        model=live.model,
        part=part,
        deleted=now.deleted,
    )
    return extract(changed, job, live.embedder, extraction)


def build_index(
    live: Live, plan: Plan, gate: GateSettings, settings: Settings, division: int | None = None
) -> Published:
    """Publish what the ledgers of all parts say; then merge small parts and pack small records.

    ``division`` is the number of these parts, which must be said where there are several.

    Raises:
        StoreError: a part's run has not finished.
        DataError, CatalogueShrunk, RecallTooLow: it should not be served.
    """
    features = Features.of(settings.store, live.model)
    log = open_changes(settings.store, settings.index)
    additions = AddedRows(log, features, live.model, live.embedder, settings)
    publisher = Publisher(settings, plan, features, live.embedder, gate)

    def want(_: Base | None) -> LedgerRows:
        # Anew for each try: what was asked for meanwhile is taken in.
        now = log.standing()
        return LedgerRows(ledgers, additions.rows(now), now)

    opened = Ledgers.of(
        settings.store,
        settings.index,
        live.model,
        division=division,
        scratch=settings.scratch,
    )
    with opened as ledgers:
        published = publisher.publish(want)
    _compact(features, log)
    return published


def _compact(features: Features, log: ChangeLog) -> None:
    """Make few files of many where there is room: the next run can do it as well as this one."""
    try:
        compact(features)
        pack(log)
    except StoreFull as error:
        sys.stderr.write(f"warning: features or changes stay in small files: {error}\n")
