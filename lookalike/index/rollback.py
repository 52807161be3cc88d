"""Going back to a version that was served before: by the command line and by the service alike."""

from collections.abc import Callable

from lookalike.errors import DataError, VersionNotFound
from lookalike.index.version import decode_details
from lookalike.store import Collection

Check = Callable[[Collection, str], object]


def roll_back_to(indexes: Collection, version: str | None, check: Check) -> str:
    """Say which version a rollback goes to, once it is known to be one that can be served.

    Args:
        indexes: of the store.
        version: its name; None: the one that was served before the current one.
        check: raises where its files are not as they should be: `verify_version` reads them
            all, `check_sizes` looks at them.

    Raises:
        DataError: no name is given, and there is none before.
        VersionNotFound: there is no complete version of that name.
        StoreError, DigestMismatch: a file of it is missing, or damaged.
    """
    versions = indexes.versions()
    wanted = _before(indexes, versions) if version is None else version
    if wanted not in versions:
        raise VersionNotFound(
            f"the index has no complete version {wanted!r}: 'lookalike index list' names its "
            "versions"
        )
    check(indexes, wanted)
    return wanted


def _before(indexes: Collection, versions: list[str]) -> str:
    """Name the version that was served before the current one."""
    current = indexes.current_or_none()
    before = None
    if current is not None:
        before = decode_details(indexes.manifest(current), current).predecessor
    if before is None or before not in versions:
        raise DataError("the version before the current one is not there to go back to: say which")
    return before
