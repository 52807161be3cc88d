"""Packing of change records: many small files become one, while others read and write.

A listing that is under way must show what it began with: the files that a pack stands for are
removed by a later run, hours after it was written. Killed in between, records lie in two
places, which does no harm, since each counts once, by its name; nor do two jobs that pack at
once: their packs are both read, and the next run makes one of them.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from lookalike.changes import Additions, ChangeLog, Deletion, Listing, Pack, Record
from lookalike.progress import track
from lookalike.storing import room_needed

# So many records may have a file of their own: a listing of them is one request of an object
# store, and a millisecond of whoever looks twice a second.
FEW = 500
AT_ONCE = 1000  # files that are removed together
# No listing takes so long, and no two machines' clocks differ by so much.
SETTLED_SECONDS = 6 * 3600.0


def pack(log: ChangeLog, few: int = FEW, settled_seconds: float = SETTLED_SECONDS) -> bool:
    """Make a pack where more than ``few`` records have a file of their own.

    Of each picture it has the last deletion, and the last addition unless that was deleted: no
    version, however old, needs another. What a pack of earlier runs stands for is removed.

    Returns:
        Whether a pack was made.

    Raises:
        StoreError: a record or a pack is damaged; nothing is removed then.
        StoreFull: there is no room for the pack; nothing is lost.
    """
    listed = log.listed()
    try:
        packs = {name: log.read_pack(name) for name in listed.packs}
        remaining = _without_settled(log, listed, packs, settled_seconds)
        return _packed(log, remaining, {name: packs[name] for name in remaining.packs}, few)
    except FileNotFoundError:
        return False  # another job packs at this moment, and removes what its earlier packs have


def needed(records: Iterable[Record]) -> list[Record]:
    """Give what of some records any version may need, oldest first: pure.

    A version that lacks them all, one that lacks the later ones, and one that was built with
    them all come to the same end by these as by all.
    """
    named = {record.name: record for record in records}
    deleted: dict[str, str] = {}
    added: dict[str, str] = {}
    for name in sorted(named):
        change = named[name].change
        if isinstance(change, Deletion):
            deleted |= dict.fromkeys(change.ids, name)
        else:
            added |= dict.fromkeys((picture.id for picture in change.pictures), name)
    last = {one: name for one, name in added.items() if name > deleted.get(one, "")}
    kept = (_only(named[name], deleted, last) for name in sorted(named))
    return [record for record in kept if record is not None]


def _only(record: Record, deleted: Mapping[str, str], added: Mapping[str, str]) -> Record | None:
    """Give a record with the ids alone of which it has the last word of its kind; None: of none."""
    change: Deletion | Additions
    if isinstance(record.change, Deletion):
        ids = [one for one in record.change.ids if deleted[one] == record.name]
        change, left = Deletion(ids), len(ids)
    else:
        pictures = [one for one in record.change.pictures if added.get(one.id) == record.name]
        change, left = Additions(pictures), len(pictures)
    return msgspec.structs.replace(record, change=change) if left else None


def _without_settled(
    log: ChangeLog, listed: Listing, packs: Mapping[str, Pack], settled_seconds: float
) -> Listing:
    """Remove what packs stand for that were read whole, and long ago were there already."""
    settled = [one.header for one in packs.values() if _age(one) >= settled_seconds]
    records = set().union(*(header.stands_for for header in settled))
    replaced = {name for header in settled for name in header.replaces}
    gone = [*records.intersection(listed.records), *replaced.intersection(listed.packs)]
    for first in track(range(0, len(gone), AT_ONCE), "removing packed records of changes"):
        log.remove(gone[first : first + AT_ONCE])
    return Listing(
        [name for name in listed.records if name not in records],
        [name for name in listed.packs if name not in replaced],
    )


def _packed(log: ChangeLog, listed: Listing, packs: Mapping[str, Pack], few: int) -> bool:
    replaced = {name for one in packs.values() for name in one.header.replaces}
    known = set().union(*(one.header.stands_for for one in packs.values()))
    loose = [name for name in listed.records if name not in known]
    if len(loose) <= few and len(packs.keys() - replaced) <= 1:
        return False
    records = [record for one in packs.values() for record in one.records]
    records += log.read(track(loose, "packing records of changes"))
    # All that anybody may still read, and no more, or the names would grow with every change.
    made_from = {*listed.records, *(record.name for record in records)}
    with room_needed("requests/ of the store"):
        log.pack(needed(records), made_from, listed)
    return True


def _age(one: Pack) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(one.header.at)).total_seconds()
