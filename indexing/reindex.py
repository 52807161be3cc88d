"""The job behind the CronJob ``reindex``: from a catalogue to a published, checked version.

Its two halves are commands of their own, ``extract`` and ``build``, for a catalogue that
many pods extract.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from indexing.changed_catalogue import ChangedCatalogue, added_picture
from indexing.extraction.extract import Job, extract
from indexing.extraction.features import Features
from indexing.extraction.known import as_digests
from indexing.extraction.ledgers import Ledgers
from indexing.extraction.parts import Part
from indexing.extraction.settings import ExtractionSettings
from indexing.extraction.tally import Tally
from indexing.model import model_reference, wait_until_served
from indexing.publishing import Base, GateSettings, LedgerRows, Plan, Published, Publisher
from lookalike.catalogue import Catalogue, check_unique
from lookalike.changes import ChangeLog, Standing, open_changes, standing
from lookalike.index import ModelReference, PictureRow
from lookalike.serving import Embedder
from lookalike.serving.grpc import GrpcEmbedder
from lookalike.settings import Settings
from lookalike.store import open_models


class ModelOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which model embeds.

    Attributes:
        version: of the store; None: the newest.
        wait_seconds: for a model server that does not have it yet.
    """

    version: int | None = None
    wait_seconds: float = 300.0


class Live(msgspec.Struct, frozen=True):
    """A model of the store and the model server that has it."""

    model: ModelReference
    embedder: Embedder


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
    """
    if not catalogue.distinct:
        check_unique(catalogue)
    changes = open_changes(settings.store, settings.index)
    changed = ChangedCatalogue(catalogue, standing(changes.records()), changes)
    job = Job(
        store=settings.store,
        scratch=Path(settings.cache) / "ledgers" / settings.index,
        index=settings.index,
        model=live.model,
        part=part,
    )
    return extract(changed, job, live.embedder, extraction)


def build_index(live: Live, plan: Plan, gate: GateSettings, settings: Settings) -> Published:
    """Publish what the ledgers of all parts say.

    Raises:
        StoreError: a part's run has not finished.
        DataError, CatalogueShrunk, RecallTooLow: it should not be served.
    """
    features = Features.of(settings.store, live.model)
    log = open_changes(settings.store, settings.index)
    publisher = Publisher(settings, plan, features, live.embedder, gate)

    def want(_: Base | None) -> LedgerRows:
        # Anew for each try: what was asked for meanwhile is taken in.
        now = standing(log.records())
        return LedgerRows(ledgers, added_rows(now, features, log), now)

    with Ledgers.of(settings.store, settings.index, live.model) as ledgers:
        return publisher.publish(want)


def added_rows(now: Standing, features: Features, log: ChangeLog) -> list[PictureRow]:
    """Give the rows of all additions that have a vector, sorted by id."""
    pictures = [(added_picture(item, log), item) for _, item in sorted(now.added.items())]
    rows = [
        PictureRow(
            picture.id, picture.uri, picture.label, bytes.fromhex(item.sha256), picture.attributes
        )
        for picture, item in pictures
    ]
    if not rows:
        return []
    with closing(features.known()) as known:
        there = known.digests.contain(as_digests([row.sha256 for row in rows]))
    return [row for row, known in zip(rows, there, strict=True) if known]
