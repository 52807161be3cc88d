"""Deletions and additions that somebody asked for: durable records beside the catalogue.

    <root>/requests/<index>/<time>-<random>.json     one record
    <root>/requests/<index>/pictures/<sha256>        the bytes of a picture that was added

A record is written once and never changed. A rebuild folds the records that it sees into
its version and writes their names beside it; a replica applies to a version the deletions
that are not among those. So no clock has to agree with another: what a version does not
know of is applied to it, after a rollback too.
"""

from lookalike.changes.log import ChangeLog, open_changes
from lookalike.changes.record import Addition, Change, Deletion, Record
from lookalike.changes.standing import Standing, deleted_since, standing

__all__ = [
    "Addition",
    "Change",
    "ChangeLog",
    "Deletion",
    "Record",
    "Standing",
    "deleted_since",
    "open_changes",
    "standing",
]
