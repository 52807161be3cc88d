"""When two stamps tell, without reading a file, that it is as it was."""

from lookalike.catalogue import Stamp


def same(recorded: Stamp | None, seen: Stamp | None) -> bool:
    """Tell whether both are of one state of a file; False where that cannot be told.

    The etag decides where both have one, otherwise the time of change; a size alone
    tells nothing. ``listing.VERDICT`` is the same rule in SQL.
    """
    if recorded is None or seen is None or recorded.size != seen.size:
        return False
    if recorded.etag is not None and seen.etag is not None:
        return recorded.etag == seen.etag
    return recorded.modified_ns is not None and recorded.modified_ns == seen.modified_ns
