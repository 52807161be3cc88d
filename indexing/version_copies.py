"""Copies of index versions in this machine's cache, and those of versions that are no more."""

from pathlib import Path

from lookalike.store import Collection, VerifiedCache

# Of its own: a service on this machine forgets what it does not serve any more.
PUBLISHING = "publishing"


def publishing_cache(cache: Path, indexes: Collection) -> VerifiedCache:
    """Open the copies of those who publish: a base is built beside, and compared with."""
    return VerifiedCache(cache / PUBLISHING, indexes)


def prune_copies(cache: Path, indexes: Collection) -> list[str]:
    """Remove the copies of versions that the store no longer has; name these versions.

    Of this index and in this cache: a service or a job of another machine has one of its own.
    """
    versions = set(indexes.versions())
    caches = VerifiedCache(cache, indexes), publishing_cache(cache, indexes)
    return sorted({name for one in caches for name in one.keep(versions)})
