"""Where a store keeps trained models: a local one in a folder, a bucket in versions.

A bucket cannot replace a folder as a whole. There ``<store>/training/<N>`` are versions with
digests, as those of exported models: training writes into a folder of the user's cache, which
then becomes the newest version, and what reads takes a verified copy of that.
"""

import hashlib
import shutil
from pathlib import Path

import msgspec

from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import read_model_card, read_stored_card
from lookalike.progress import working
from lookalike.settings import Settings
from lookalike.store import Collection, VerifiedCache, prune
from training.output import FOLDER

# The newest, and those before it, in case that it was a mistake.
VERSIONS = 3


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """The ``details`` of a trained version's manifest; the facts are in its card."""

    weights_sha256: str


def output_folder(settings: Settings) -> Path:
    """Give the folder of this machine that training writes into."""
    if _versions(settings) is None:
        return Path(settings.store) / FOLDER
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
    """
    versions = _versions(settings)
    if versions is None:
        return None
    folder, newest = output_folder(settings), _newest(versions)
    weights = read_model_card(folder / CARD_FILE).weights_sha256
    if newest is not None and read_stored_card(versions, newest).weights_sha256 == weights:
        return None
    with working("keeping the trained model"), versions.draft(settings.scratch) as draft:
        shutil.copytree(folder, draft, dirs_exist_ok=True)
        made = versions.publish(draft, Details(weights_sha256=weights))
    prune(versions, VERSIONS)
    return f"{versions.root}/{made}"


def _versions(settings: Settings) -> Collection | None:
    versions = Collection(f"{settings.store}/{FOLDER}", numbered=True)
    return versions if versions.local is None else None


def _newest(versions: Collection) -> str | None:
    return next(reversed(versions.versions()), None)
