"""Finding ids that a catalogue gives twice, in bounded memory."""

import hashlib
from array import array
from collections import Counter

import numpy as np

from lookalike.catalogue.base import Catalogue
from lookalike.errors import DataError

NAMED = 5
# A suspect is an equal pair of 64-bit hashes; all but one in a million are equal ids.
SUSPECTS = 1000


def check_unique(catalogue: Catalogue) -> None:
    """Go through a catalogue once, and once more where an id may be there twice.

    It holds eight bytes a picture: 80 MB for ten million. A source that cannot have
    duplicates is not gone through.

    Raises:
        DataError: an id is given more than once; up to five such ids are named.
    """
    if catalogue.distinct:
        return
    suspects, count = _suspects(catalogue)
    if count and (named := _confirmed(catalogue, suspects)):
        raise DataError(
            f"the catalogue gives {_ids(count)} more than once, so their pictures could not be "
            f"told apart: {', '.join(map(_shown, named))}"
        )


def _suspects(catalogue: Catalogue) -> tuple[frozenset[int], int]:
    """Give some of the hashes that occur more than once, and how many of those there are."""
    hashes = array("Q", (_hash(picture.id) for picture in catalogue))
    view = np.frombuffer(hashes, np.uint64)
    view.sort()
    again = view[1:][view[1:] == view[:-1]]
    repeated = again[np.append(True, again[1:] != again[:-1])] if len(again) else again
    return frozenset(repeated[:SUSPECTS].tolist()), len(repeated)


def _confirmed(catalogue: Catalogue, suspects: frozenset[int]) -> list[str]:
    """Name ids that are there more than once, in the order in which they come again."""
    seen: Counter[str] = Counter()
    named: list[str] = []
    for picture in catalogue:
        if _hash(picture.id) in suspects:
            seen[picture.id] += 1
            if seen[picture.id] == 2:
                named.append(picture.id)
                if len(named) == NAMED:
                    break
    return named


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _ids(count: int) -> str:
    return "an id" if count == 1 else f"{count} ids"


def _shown(text: str) -> str:
    return repr(text) if len(text) <= 200 else f"{text[:200]!r}…"
