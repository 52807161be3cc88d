"""Going back to a version that was served before: by the command line and by the service alike."""

from collections.abc import Callable

from lookalike.errors import ConfigurationError, DataError, StoreError, VersionNotFound
from lookalike.index.models import card_of
from lookalike.index.version import decode_details
from lookalike.store import Collection

Check = Callable[[Collection, str], object]


def roll_back_to(indexes: Collection, models: Collection, version: str | None, check: Check) -> str:
    """Say which version a rollback goes to, once it is known to be one that can be served.

    Args:
        indexes: of the store.
        models: the versions of any model of the store.
        version: its name; None: the one that was served before the current one.
        check: raises where its files are not as they should be: `verify_version` reads them
            all, `check_sizes` looks at them.

    Raises:
        DataError: no name is given, and there is none before.
        VersionNotFound: there is no complete version of that name, or its model is gone.
        StoreError, DigestMismatch: a file of it is missing, or damaged, or its model is another.
    """
    versions = indexes.versions()
    wanted = _before(indexes, versions) if version is None else version
    if wanted not in versions:
        raise VersionNotFound(
            f"the index has no complete version {wanted!r}: 'lookalike index list' names its "
            "versions"
        )
    check(indexes, wanted)
    _check_model(indexes, models, wanted)
    return wanted


def _before(indexes: Collection, versions: list[str]) -> str:
    """Name the version that was served before the current one."""
    current = indexes.current_or_none()
    before = None if current is None else _predecessor(indexes, current)
    if before is None or before not in versions:
        raise DataError("the version before the current one is not there to go back to: say which")
    return before


def _predecessor(indexes: Collection, current: str) -> str | None:
    try:
        return decode_details(indexes.manifest(current), current).predecessor
    except StoreError as error:
        raise DataError(
            f"which version was before the current one cannot be told: say which ({error})"
        ) from error


def _check_model(indexes: Collection, models: Collection, version: str) -> None:
    """Raise where the store has not the model that made a version: no replica could serve it."""
    made = decode_details(indexes.manifest(version), version).model
    try:
        card_of(models.beside(made.name), made)
    except (StoreError, ConfigurationError) as error:
        kind = type(error) if isinstance(error, StoreError) else StoreError
        raise kind(f"version {version} cannot be served: {error}") from error
