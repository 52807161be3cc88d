"""The bytes of pictures that were sent by ``add`` and ``PUT``, once nothing has them any more."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from indexing.stored_rows import picture_tables
from lookalike.changes import ChangeLog, LastWords
from lookalike.store import Collection

# A picture is sent before the record of its addition; after a day there is none on its way.
SENDING_SECONDS: Final = 86_400.0
# Pictures that are in memory at once.
TOGETHER = 16


def prune_pictures(indexes: Collection, log: ChangeLog, scratch: Path) -> list[str]:
    """Remove the bytes of sent pictures that no version has a row of, and no addition asks for.

    A deleted picture has a row in the versions of before, and in later ones until one is built
    anew: until those are pruned, its bytes stay.

    Args:
        indexes: of the index.
        log: of its changes.
        scratch: for copies of a remote store's rows.

    Returns:
        The SHA-256 of each that was removed, in hexadecimal.

    Raises:
        StoreError: a version or a record is damaged; then nothing is removed.
    """
    sent = set(log.pictures())  # before the records: of what is sent later, nothing is removed
    asked = _Asked(log)
    candidates = {bytes.fromhex(sha256) for sha256 in sent - asked.now()}
    unheld = candidates - _held(indexes, candidates, scratch) if candidates else candidates
    unwanted = sorted(digest.hex() for digest in unheld)
    parts = [unwanted[first : first + TOGETHER] for first in range(0, len(unwanted), TOGETHER)]
    return [sha256 for part in parts for sha256 in _remove(log, asked, part)]


class _Asked:
    """Which pictures additions ask for, by records that are read once each."""

    def __init__(self, log: ChangeLog) -> None:
        self._log, self._words = log, LastWords()
        self._ids: set[str] = set()
        self._records: frozenset[str] = frozenset()
        self._packs: frozenset[str] = frozenset()

    def now(self) -> set[str]:
        """Give their SHA-256 as of now, in hexadecimal."""
        news = self._log.news(self._records, self._packs)
        self._ids.update(*map(self._words.take, news.records))
        self._records, self._packs = self._records | news.names, self._packs | news.packs
        return {added.addition.sha256 for added in map(self._words.added, self._ids) if added}


def _held(indexes: Collection, digests: set[bytes], scratch: Path) -> set[bytes]:
    """Give those of the digests that some version has a row of, dead ones too."""
    held: set[bytes] = set()
    seen: set[str] = set()
    for version in indexes.versions():
        for place, table in picture_tables(indexes, version, scratch, seen):
            seen.add(place)
            held |= table.digests(digests)
    return held


def _remove(log: ChangeLog, asked: _Asked, some: Sequence[str]) -> list[str]:
    """Remove pictures, and put back what was sent and asked for again in that very moment."""
    old = [sha256 for sha256 in some if log.picture_age(sha256) > SENDING_SECONDS]
    kept = {sha256: log.read_picture(sha256) for sha256 in old}
    log.remove_pictures(old)
    for sha256 in asked.now().intersection(old):
        log.put_picture(kept.pop(sha256))
    return list(kept)
