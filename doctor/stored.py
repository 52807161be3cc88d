"""The store: whether it can be read and written, its models, and the index that is served."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from doctor import machine
from doctor.finding import Finding, ok, warning, wrong
from lookalike.errors import NothingPublished, StoreError, VersionNotFound
from lookalike.index import IndexDetails
from lookalike.index.models import card_of
from lookalike.index.version import decode_details
from lookalike.model_card import read_stored_card
from lookalike.settings import Settings
from lookalike.store import (
    Manifest,
    abandoned,
    check_sizes,
    made_at,
    open_indexes,
    open_models,
    verify_version,
)

MOST_QUARANTINED = 0.05
STALE_DAYS = 30
DAY = 86_400


class Served(msgspec.Struct, frozen=True):
    """The index version that CURRENT names."""

    version: str
    details: IndexDetails
    manifest: Manifest


def served(settings: Settings) -> Served:
    """Read what CURRENT names.

    Raises:
        NothingPublished: it is not there.
        StoreError: it, or the version's manifest, is damaged.
    """
    indexes = open_indexes(settings.store, settings.index)
    version = indexes.current()
    manifest = indexes.manifest(version)
    return Served(version, decode_details(manifest, version), manifest)


def store(settings: Settings) -> Iterator[Finding]:
    """Look whether the store is there, and can be written to."""
    if "://" in settings.store:
        open_models(settings.store, settings.model).versions()
        yield ok("store", f"{settings.store} answers")
        return
    folder = Path(settings.store)
    if not folder.is_dir():
        advice = "name it in LOOKALIKE_STORE; 'lookalike export-model' makes it"
        yield wrong("store", f"there is no folder {folder.absolute()}", advice, StoreError)
        return
    if os.access(folder, os.W_OK):
        advice = "make room ('lookalike index prune'), or name another disk in LOOKALIKE_STORE"
        yield machine.room("store", folder, advice)
        yield from _leftovers(folder)
    else:
        advice = "that is right for a service; jobs, and pictures that are put or deleted, need it"
        yield warning("store", f"{folder.absolute()} can only be read", advice)


def _leftovers(folder: Path) -> Iterator[Finding]:
    """Tell of what killed writers left; each lies beside what it was to become."""
    found = abandoned(folder)
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        said = f"killed writers left {found[0]}{more}"
        yield warning("store", said, "the next write there clears it away; nothing reads it")


def models(settings: Settings) -> Iterator[Finding]:
    """Look at the exported models."""
    collection = open_models(settings.store, settings.model)
    versions = collection.versions()
    if not versions:
        yield warning("models", f"no {settings.model} was exported yet", "'lookalike export-model'")
        return
    whole = []
    for version in versions:
        try:
            read_stored_card(collection, version)
            check_sizes(collection, version)
            whole.append(version)
        except StoreError as error:
            advice = "restore it from a copy, or export the model anew"
            yield wrong("models", f"version {version}: {error}", advice, type(error))
    if whole:
        yield ok("models", f"{settings.model} {', '.join(whole)}")


def index(settings: Settings, *, deep: bool) -> Iterator[Finding]:
    """Look at the index that is served: its files, its model, its age and its recall."""
    indexes = open_indexes(settings.store, settings.index)
    try:
        now = served(settings)
    except NothingPublished as error:
        yield wrong("index", str(error), "'lookalike reindex'", NothingPublished)
        return
    except VersionNotFound as error:
        advice = "'lookalike index rollback VERSION' to one of 'lookalike index list'"
        yield wrong("index", f"CURRENT names what is not there: {error}", advice, VersionNotFound)
        return
    if deep:
        verify_version(indexes, now.version)
    else:
        check_sizes(indexes, now.version)
    details = now.details
    yield ok("index", f"{now.version}: {details.pictures} pictures")
    yield from _age(now.version)
    yield from _quality(details)
    yield from _model_of(details, settings)
    yield from machine.memory(sum(file.bytes for file in now.manifest.files))


def _age(version: str) -> Iterator[Finding]:
    made = made_at(version)
    days = 0 if made is None else (time.time() - made) / DAY
    if days > STALE_DAYS:
        yield warning("index", f"it is {days:.0f} days old", "does the CronJob reindex run?")


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
    model = details.model
    collection = open_models(settings.store, model.name)
    try:
        card_of(collection, model)
    except StoreError as error:
        advice = "restore the model's folder, or 'lookalike reindex' by another one"
        said = f"its model is not in the store: {error}"
        yield wrong("index", said, advice, type(error))
        return
    newest = collection.latest()
    if newest != str(model.version):
        said = f"it is by model {model.version}, and the newest is {newest}"
        yield warning("index", said, "'lookalike reindex' brings the newest")
