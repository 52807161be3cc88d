"""The index that is served: its files, its model, its age and its recall."""

import time
from collections.abc import Iterator

import msgspec

from doctor import machine
from doctor.age import last_extraction
from doctor.finding import Finding, ok, warning, wrong
from lookalike.errors import ConfigurationError, StoreError, VersionNotFound
from lookalike.index import IndexDetails
from lookalike.index.models import card_of
from lookalike.index.version import decode_details
from lookalike.settings import Settings
from lookalike.store import (
    Collection,
    Manifest,
    check_sizes,
    made_at,
    open_indexes,
    open_models,
    verify_version,
)

MOST_QUARANTINED = 0.05
STALE_DAYS = 30
DAY = 86_400
# What is not the index's damage, but keeps from reading it: it is the store that must be seen to.
OF_THE_STORE = (PermissionError, NotADirectoryError)


class Served(msgspec.Struct, frozen=True):
    """The index version that CURRENT names."""

    version: str
    details: IndexDetails
    manifest: Manifest


def served(settings: Settings) -> Served:
    """Read what CURRENT names.

    Raises:
        NothingPublished: it is not there.
        StoreError: it, or the version's manifest, is damaged, or cannot be read.
    """
    indexes = open_indexes(settings.store, settings.index)
    version = indexes.current()
    manifest = indexes.manifest(version)
    return Served(version, decode_details(manifest, version), manifest)


def index(settings: Settings, *, deep: bool) -> Iterator[Finding]:
    """Look at the index that is served."""
    indexes = open_indexes(settings.store, settings.index)
    try:
        now = served(settings)
        look = verify_version if deep else check_sizes
        look(indexes, now.version)
    except StoreError as error:
        if isinstance(error.__cause__, OF_THE_STORE):
            raise
        yield _unserved(error, indexes)
    else:
        yield ok("index", f"{now.version}: {now.details.pictures} pictures")
        yield from _about(now, settings)


def _unserved(error: StoreError, indexes: Collection) -> Finding:
    """Say why no index can be served, and the way out."""
    missing = isinstance(error, VersionNotFound)
    said = f"CURRENT names what is not there: {error}" if missing else str(error)
    return wrong("index", said, _way_out(indexes), type(error))


def _way_out(indexes: Collection) -> str:
    """Say how an index comes to be served again: by a rollback, where there is one to go to."""
    if set(indexes.versions()) - {indexes.current_if_told()}:
        return (
            "'lookalike index rollback VERSION' to one of 'lookalike index list', or "
            "'lookalike reindex'"
        )
    return "'lookalike reindex'"


def _about(now: Served, settings: Settings) -> Iterator[Finding]:
    """Tell of what is whole, and may be better."""
    yield from _age(now, settings)
    yield from _quality(now.details)
    yield from _model_of(now.details, settings)
    yield from machine.memory(sum(file.bytes for file in now.manifest.files))


def _age(now: Served, settings: Settings) -> Iterator[Finding]:
    read = last_extraction(settings, now.details.model)
    times = [one for one in (made_at(now.version), read) if one is not None]
    days = (time.time() - max(times)) / DAY if times else 0
    if days > STALE_DAYS:
        said = f"it is {days:.0f} days old, and no catalogue was read for it since"
        yield warning("index", said, "'lookalike reindex'; does what should run it still do so?")


def _quality(details: IndexDetails) -> Iterator[Finding]:
    measured = details.measured
    if measured is not None and not measured.reached:
        said = f"recall@10 of {measured.recall_at_10:.3f}, where {measured.target} was asked for"
        yield warning("index", said, "'lookalike reindex --rebuild', or another index type")
    every = details.pictures + details.quarantined
    if every and details.quarantined / every > MOST_QUARANTINED:
        said = f"{details.quarantined} of {every} pictures have no vector"
        yield warning("index", said, "'lookalike quarantine' says why")


def _model_of(details: IndexDetails, settings: Settings) -> Iterator[Finding]:
    """Hold the store's models against the one that the index is of."""
    collection = open_models(settings.store, details.model.name)
    advice = "restore the model's folder, or 'lookalike reindex' by another one"
    try:
        card_of(collection, details.model)
    except VersionNotFound as error:
        yield wrong("index", f"its model is not in the store: {error}", advice, type(error))
    except (StoreError, ConfigurationError) as error:
        yield wrong("index", f"its model cannot be used: {error}", advice, type(error))
    else:
        yield from _newer(str(details.model.version), collection.latest())


def _newer(version: str, newest: str) -> Iterator[Finding]:
    if newest != version:
        said = f"it is by model {version}, and the newest is {newest}"
        yield warning("index", said, "'lookalike reindex' brings the newest")
