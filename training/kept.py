"""Where a store keeps trained models: a local one in a folder, a bucket in versions.

A bucket cannot replace a folder as a whole. There ``<store>/training/<N>`` are versions with
digests, as those of exported models: training writes into a folder of the user's cache, which
then becomes the newest version, and what reads takes a verified copy of that.
"""

import hashlib
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from lookalike.errors import StoreError
from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import read_model_card, read_stored_card
from lookalike.progress import working
from lookalike.settings import Settings
from lookalike.store import Collection, VerifiedCache, prune
from training.output import FOLDER

# The newest, and those before it, in case that it was a mistake.
VERSIONS = 3
# Seconds between tries to reach a bucket that has just refused.
PAUSES = (2.0, 10.0, 30.0)

Result = TypeVar("Result")


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """The ``details`` of a trained version's manifest; the facts are in its card."""

    weights_sha256: str


def output_folder(settings: Settings) -> Path:
    """Give the folder of this machine that training writes into."""
    if (local := _collection(settings).local) is not None:
        return local
    key = hashlib.sha256(settings.store.encode()).hexdigest()[:16]
    return Path(settings.cache) / FOLDER / key


def newest_folder(settings: Settings) -> Path:
    """Give the folder of the store's newest trained model; it is not there where there is none.

    Raises:
        StoreError: a file of a bucket's is missing, or (DigestMismatch) not what the manifest says.
    """
    versions = _versions(settings)
    newest = None if versions is None else _newest(versions)
    if versions is None or newest is None:
        return output_folder(settings)
    copies = VerifiedCache(Path(settings.cache), versions)
    with working(f"looking at the trained model {newest}"):
        copy = copies.fetch(newest)
        copies.keep({newest})
    return copy


def keep(settings: Settings) -> str | None:
    """Make what is in :func:`output_folder` a bucket's newest version, unless it is.

    Returns:
        Where it is now; None where it was there already, or the store is this machine's.

    Raises:
        StoreError: it could not be kept, at each of several tries.
    """
    versions = _versions(settings)
    if versions is None:
        return None
    folder = output_folder(settings)
    weights = read_model_card(folder / CARD_FILE).weights_sha256
    try:
        if _persistently(lambda: _version_of(versions, weights)) is not None:
            return None
        with working("keeping the trained model"):
            made = _persistently(
                # A try that failed may have ended as its answer was lost.
                lambda: (
                    _version_of(versions, weights)
                    or _publish(folder, weights, versions, settings.scratch)
                )
            )
            _persistently(lambda: prune(versions, VERSIONS))
    except Exception as error:
        raise StoreError(
            f"the trained model cannot be kept in {versions.root} ({error}): it is whole in "
            f"{folder}, and the same 'lookalike train' again, without --force, keeps it and "
            "trains nothing"
        ) from error
    return f"{versions.root}/{made}"


def _persistently(do: Callable[[], Result]) -> Result:
    """Do what a store may refuse for a moment: hours of training must not wait for the next run."""
    for pause in PAUSES:
        # Whatever its client raises: what does not pass is raised by the last try.
        with suppress(Exception):
            return do()
        time.sleep(pause)
    return do()


def _publish(folder: Path, weights: str, versions: Collection, scratch: Path) -> str:
    with versions.draft(scratch) as draft:
        shutil.copytree(folder, draft, dirs_exist_ok=True)
        return versions.publish(draft, Details(weights_sha256=weights))


def _version_of(versions: Collection, weights: str) -> str | None:
    """Name the newest version where it is the model of these weights."""
    newest = _newest(versions)
    if newest is None or read_stored_card(versions, newest).weights_sha256 != weights:
        return None
    return newest


def _versions(settings: Settings) -> Collection | None:
    versions = _collection(settings)
    return versions if versions.local is None else None


def _collection(settings: Settings) -> Collection:
    return Collection(f"{settings.store}/{FOLDER}", numbered=True)


def _newest(versions: Collection) -> str | None:
    return next(reversed(versions.versions()), None)
