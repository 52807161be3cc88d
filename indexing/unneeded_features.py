"""Features and ledgers of what nothing in the store has any more."""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import msgspec

from indexing.extraction import ledger_file
from indexing.extraction.features import Features
from indexing.extraction.known import Digests, as_digests, sort_digests
from indexing.extraction.working_copy import PATTERN
from indexing.stored_rows import picture_tables
from lookalike.changes import open_changes
from lookalike.index import ModelReference
from lookalike.index.version import decode_details
from lookalike.store import Collection, Location
from lookalike.store.files import scratch_folder

# Digests that are in memory as Python's objects at a time.
TOGETHER = 1 << 16
LEDGER = re.compile(r"(?P<model>.+)-(?P<version>\d+)-(?P<weights>[0-9a-f]+)")


class Pruned(msgspec.Struct, frozen=True):
    """What was removed.

    Attributes:
        features: of a model, by the name of the folder.
        vectors: how many.
    """

    features: str
    vectors: int


def prune_features(store: str, indexes: Collection, scratch: Path) -> list[Pruned]:
    """Remove the vectors of pictures that no index of the store has any more.

    An index has what its versions have rows of, dead ones too, what its ledgers list, and what was
    added to it: an addition has its vector before a version has its row. Ledgers of a model that
    none of its versions is of go before, where a version is of a later one.

    Args:
        store: its URL or path.
        indexes: one index of the store.
        scratch: for copies of a remote store's rows and ledgers.

    Raises:
        StoreError: a version or a ledger is damaged, or an extraction runs; of the features that
            it is about, and of later ones, nothing is removed.
    """
    _remove_outdated_ledgers(store, indexes, scratch)
    location = Location(f"{store}/features")
    folders = sorted({name.rpartition("/")[0] for name in location.names("*/*/part-*.parquet")})
    pruned = [_prune(store, indexes, folder, scratch) for folder in folders]
    return [one for one in pruned if one.vectors]


def _prune(store: str, indexes: Collection, folder: str, scratch: Path) -> Pruned:
    began = time.monotonic()
    with closing(sort_digests(_needed(store, indexes, folder, scratch))) as needed:
        features = Features.at(Location(f"{store}/features/{folder}"))
        return Pruned(folder, features.keep(needed, lambda: time.monotonic() - began))


def _needed(store: str, indexes: Collection, folder: str, scratch: Path) -> Iterator[Digests]:
    """Stream the digests of what has a vector of this model, and may need it."""
    for collection in indexes.siblings():
        seen: set[str] = set()
        versions = [one for one, model in _models(collection) if _folder(model) == folder]
        if versions:
            yield from _in_chunks(_added(store, _index(collection)))
        for version in versions:
            for place, table in picture_tables(collection, version, scratch, seen):
                seen.add(place)
                yield from _in_chunks(picture.sha256 for picture in table)
    ledgers = Location(f"{store}/ledgers")
    for name in ledgers.names(f"*/{folder.replace('/', '-')}/{PATTERN}"):
        yield from _in_chunks(_of_ledger(ledgers, name, scratch))


def _added(store: str, index: str) -> Iterator[bytes]:
    added = open_changes(store, index).standing().added
    return (bytes.fromhex(addition.sha256) for addition in added.values())


def _of_ledger(ledgers: Location, name: str, scratch: Path) -> Iterator[bytes]:
    with scratch_folder(None if ledgers.local else scratch) as folder:
        path = folder / "ledger.sqlite"
        if ledgers.local is None:
            ledgers.download(name, path)
        else:
            path = ledgers.local / name
        with closing(ledger_file.open_for_reading(path)) as connection:
            rows = connection.execute("SELECT sha256 FROM pictures WHERE sha256 IS NOT NULL")
            yield from (digest for (digest,) in rows)


def _in_chunks(digests: Iterable[bytes]) -> Iterator[Digests]:
    rest = iter(digests)
    while chunk := list(islice(rest, TOGETHER)):
        yield as_digests(chunk)


def _remove_outdated_ledgers(store: str, indexes: Collection, scratch: Path) -> None:
    ledgers = Location(f"{store}/ledgers")
    for collection in indexes.siblings():
        named = {_folder(model): model for _, model in _models(collection)}
        for name in ledgers.names(f"{_index(collection)}/*/{PATTERN}"):
            if _is_outdated(name.split("/")[1], named):
                for _ in _of_ledger(ledgers, name, scratch):
                    break  # where a run still writes it, it is left, and so is all else
                ledgers.remove(name)


def _is_outdated(ledger: str, named: dict[str, ModelReference]) -> bool:
    found = LEDGER.fullmatch(ledger)
    if found is None or "{model}/{version}-{weights}".format(**found.groupdict()) in named:
        return False
    later = (one.version for one in named.values() if one.name == found["model"])
    return int(found["version"]) < max(later, default=0)


def _models(collection: Collection) -> Iterator[tuple[str, ModelReference]]:
    """Name the versions of an index, and the model of each."""
    for version in collection.versions():
        yield version, decode_details(collection.manifest(version), version).model


def _index(collection: Collection) -> str:
    return collection.location.url.rpartition("/")[2]


def _folder(model: ModelReference) -> str:
    return f"{model.name}/{model.tag}"
