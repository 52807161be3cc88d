"""A catalogue with what was asked for by name laid over it: additions, and without deletions."""

from collections.abc import Iterator

from lookalike.catalogue import Catalogue, Picture
from lookalike.changes import Addition, ChangeLog, Standing


class ChangedCatalogue:
    """The pictures of a catalogue, as changed; an addition holds whatever the catalogue says.

    Args:
        catalogue: what the user keeps.
        standing: deletions and additions.
        changes: the log, which has the additions' bytes.
    """

    def __init__(self, catalogue: Catalogue, standing: Standing, changes: ChangeLog) -> None:
        self._catalogue, self._standing, self._changes = catalogue, standing, changes
        self.distinct = catalogue.distinct

    def __iter__(self) -> Iterator[Picture]:
        spoken_for = self._standing.deleted | self._standing.added.keys()
        yield from (picture for picture in self._catalogue if picture.id not in spoken_for)
        for _, addition in sorted(self._standing.added.items()):
            yield added_picture(addition, self._changes)


def added_picture(addition: Addition, changes: ChangeLog) -> Picture:
    """Give the catalogue's row of an addition."""
    uri = changes.picture_uri(addition)
    return Picture(addition.id, uri, addition.label, addition.attributes)
