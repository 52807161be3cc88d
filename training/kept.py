"""Where a store keeps trained models: a local one in a folder, a bucket in versions.

A bucket cannot replace a folder as a whole. There ``<store>/training/<N>`` are versions with
digests, as those of exported models, and the newest is copied into the user's cache, where the
programs of this machine work with it.
"""

import hashlib
import shutil
from functools import partial
from pathlib import Path

import msgspec

from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import read_model_card, read_stored_card
from lookalike.progress import working
from lookalike.settings import Settings
from lookalike.store import Collection, prune
from lookalike.store.files import inside
from training.output import FOLDER, replace_folder

# The newest, and those before it, in case that it was a mistake.
VERSIONS = 3


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """The ``details`` of a trained version's manifest; the facts are in its card."""

    weights_sha256: str


def trained_folder(settings: Settings) -> Path:
    """Give the folder of the store's trained model on this machine; it may not be there yet."""
    if _versions(settings) is None:
        return Path(settings.store) / FOLDER
    key = hashlib.sha256(settings.store.encode()).hexdigest()[:16]
    return Path(settings.cache) / FOLDER / key


def bring(settings: Settings) -> bool:
    """Copy a bucket's newest trained model to :func:`trained_folder`; say whether that was needed.

    Raises:
        StoreError: a file of it is missing, or (DigestMismatch) not what the manifest says; what
            was in the folder stays.
    """
    versions = _versions(settings)
    newest = None if versions is None else _newest(versions)
    folder = trained_folder(settings)
    if versions is None or newest is None or _weights(versions, newest) == _weights_here(folder):
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with working(f"copying the trained model {newest}"):
        replace_folder(folder, partial(_copy, versions, newest))
    return True


def keep(settings: Settings) -> str | None:
    """Make what is in :func:`trained_folder` a bucket's newest version, unless it is.

    Returns:
        Where it is now; None where it was there already, or the store is this machine's.
    """
    versions = _versions(settings)
    if versions is None:
        return None
    folder, newest = trained_folder(settings), _newest(versions)
    weights = _weights_here(folder)
    if weights is None or (newest is not None and _weights(versions, newest) == weights):
        return None
    with working("keeping the trained model"), versions.draft() as draft:
        shutil.copytree(folder, draft, dirs_exist_ok=True)
        made = versions.publish(draft, Details(weights_sha256=weights))
    prune(versions, VERSIONS)
    return f"{versions.root}/{made}"


def _versions(settings: Settings) -> Collection | None:
    versions = Collection(f"{settings.store}/{FOLDER}", numbered=True)
    return versions if versions.local is None else None


def _newest(versions: Collection) -> str | None:
    return next(reversed(versions.versions()), None)


def _weights(versions: Collection, version: str) -> str:
    return read_stored_card(versions, version).weights_sha256


def _weights_here(folder: Path) -> str | None:
    card = folder / CARD_FILE
    return read_model_card(card).weights_sha256 if card.is_file() else None


def _copy(versions: Collection, version: str, folder: Path) -> None:
    for file in versions.manifest(version).files:
        place = inside(folder, file.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        versions.download(version, file, place)
