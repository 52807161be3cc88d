"""Going back to a version that was served before."""

from lookalike.errors import DataError
from lookalike.index.version import decode_details
from lookalike.store import Collection


def version_before(indexes: Collection) -> str:
    """Name the version that was served before the current one.

    Raises:
        DataError: there is none to go back to.
        StoreError: the current one's manifest is damaged.
    """
    current = indexes.current_or_none()
    before = None
    if current is not None:
        before = decode_details(indexes.manifest(current), current).predecessor
    if before is None or before not in indexes.versions():
        raise DataError("the version before the current one is not there to go back to: say which")
    return before
