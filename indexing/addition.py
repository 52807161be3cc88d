"""``lookalike add``: a few pictures, searchable within a minute, without the catalogue."""

from collections.abc import Sequence
from contextlib import closing

import msgspec
import numpy as np

from indexing.added import AddedRows
from indexing.build import BuildSettings
from indexing.defaults import TARGET_RECALL
from indexing.extraction.features import Features
from indexing.factory import Recipe
from indexing.publishing import Base, GateSettings, Plan, Published, Publisher, VersionRows
from lookalike.catalogue import Attribute
from lookalike.catalogue.picture import checked_id
from lookalike.catalogue.rows import reserved
from lookalike.changes import Addition, Additions, open_changes
from lookalike.errors import DataError, NoFeatures, PictureError, PublishConflict
from lookalike.index import IndexDetails, ModelReference, SearchParameters, embedding_of
from lookalike.index.version import decode_details
from lookalike.picture import PictureContract, read_picture
from lookalike.picture.contract import Pixels
from lookalike.progress import track
from lookalike.serving import Embedder
from lookalike.serving.grpc import GrpcEmbedder
from lookalike.settings import Settings
from lookalike.store import open_indexes
from lookalike.vectors import Vectors, without_features

BATCH = 16


class NewPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture to be added: its name, its bytes, and what else is known of it."""

    id: str
    data: bytes
    label: str | None = None
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)


def add(pictures: Sequence[NewPicture], settings: Settings) -> Published:
    """Add pictures to the index being served, or replace those of their ids.

    All of them are read and embedded before anything is written. Once they are recorded
    they hold for every later version, whatever the catalogue says.

    Raises:
        NothingPublished: there is no index to add to.
        DataError: an id cannot be one, or is given twice, or an attribute is called ``id``,
            ``uri`` or ``label``.
        PictureError, NoFeatures: one of them cannot be used; nothing was added.
        PublishConflict: other jobs published meanwhile; the additions are recorded, and
            the next version has them.
    """
    _check_ids(pictures)
    _check_attributes(pictures)
    indexes = open_indexes(settings.store, settings.index)
    current = indexes.current()
    details = decode_details(indexes.manifest(current), current)
    features = Features.of(settings.store, details.model)
    with closing(GrpcEmbedder(settings.model_server_grpc, details.model.address)) as embedder:
        vectors = _embedded(pictures, details.model.picture, embedder, settings)
        _record(pictures, vectors, details.model, settings)
        return publish_changes(details, features, embedder, settings)


def publish_changes(
    held: IndexDetails, features: Features, embedder: Embedder, settings: Settings
) -> Published:
    """Publish the served version with all recorded changes, as a delta beside its base."""
    log = open_changes(settings.store, settings.index)
    additions = AddedRows(log, features, held.model, embedder, settings)

    def want(base: Base | None) -> VersionRows:
        if base is None or base.version.details.model != held.model:
            raise PublishConflict(
                "the index is of another model now; the changes are recorded, and the next "
                "reindex takes them in"
            )
        now = log.standing()
        return VersionRows(base, additions.rows(now), now)

    # What somebody asked for by name is no accident, however much it is.
    gate = GateSettings(allow_shrink=True)
    return Publisher(settings, plan_like(held), features, embedder, gate).publish(want)


def plan_like(held: IndexDetails) -> Plan:
    """Give the plan by which a version was built, for a delta beside it."""
    target = held.measured.target if held.measured is not None else None
    search = held.search if target is None else SearchParameters()
    recipe = Recipe(held.factory, search)
    build = BuildSettings(recipe=recipe, target_recall=target or TARGET_RECALL)
    return Plan(name=held.name, model=held.model, metric=held.metric, build=build, origin="changes")


def _check_ids(pictures: Sequence[NewPicture]) -> None:
    ids = [checked_id(picture.id, "a picture to add") for picture in pictures]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise DataError(f"two of the pictures would have the id {twice[0]!r}: say --id for each")


def _check_attributes(pictures: Sequence[NewPicture]) -> None:
    """An attribute ``label`` would take the label's place in every filter of the index."""
    for picture in pictures:
        if names := reserved(picture.attributes):
            raise DataError(
                f"{picture.id}: no attribute can be called {names[0]!r}, as in a catalogue"
            )


def _embedded(
    pictures: Sequence[NewPicture],
    contract: PictureContract,
    embedder: Embedder,
    settings: Settings,
) -> Vectors:
    batches = [pictures[first : first + BATCH] for first in range(0, len(pictures), BATCH)]
    made = []
    for batch in track(batches, "embedding"):
        pixels = np.stack([_pixels(picture, contract, settings) for picture in batch])
        made.append(embedder.embed(pixels))
        for picture, empty in zip(batch, without_features(made[-1]), strict=True):
            if empty:
                raise NoFeatures(f"{picture.id}: the model sees nothing in it; nothing was added")
    return np.concatenate(made)


def _pixels(picture: NewPicture, contract: PictureContract, settings: Settings) -> Pixels:
    try:
        return read_picture(picture.data, contract, max_decoded_bytes=settings.max_decoded_bytes)
    except PictureError as error:
        raise type(error)(f"{picture.id}: {error} Nothing was added.") from error


def _record(
    pictures: Sequence[NewPicture], vectors: Vectors, model: ModelReference, settings: Settings
) -> None:
    """Write the additions down with their vectors, by which replicas find them at once.

    The features get them from there: what these had before could be pruned for want of a record.
    """
    log = open_changes(settings.store, settings.index)
    additions = [
        Addition(
            picture.id,
            log.put_picture(picture.data),
            picture.label,
            picture.attributes,
            embedding_of(vector, model),
        )
        for picture, vector in zip(pictures, vectors, strict=True)
    ]
    log.append(Additions(additions))
