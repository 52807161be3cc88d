"""Deletions and additions that somebody asked for: durable records beside the catalogue.

    <root>/requests/<index>/<time>-<random>.json     one record
    <root>/requests/<index>/<time>-<random>.pack     many, which had a file each
    <root>/requests/<index>/pictures/<sha256>        the bytes of a picture that was added

A record is written once and never changed. A rebuild folds the records that it sees into
its version and writes their names beside it; a replica applies to a version the records
that are not among those. So what a version does not know of is applied to it, after a
rollback too, and no replica's clock has to agree with another's. A pack says which records
it stands for, so that their files can go.
"""

from lookalike.changes.last_words import Added, LastWords
from lookalike.changes.log import ChangeLog, Listing, News, open_changes
from lookalike.changes.pack import Pack
from lookalike.changes.record import Addition, Additions, Change, Deletion, Embedding, Record
from lookalike.changes.standing import Standing, standing

__all__ = [
    "Added",
    "Addition",
    "Additions",
    "Change",
    "ChangeLog",
    "Deletion",
    "Embedding",
    "LastWords",
    "Listing",
    "News",
    "Pack",
    "Record",
    "Standing",
    "open_changes",
    "standing",
]
