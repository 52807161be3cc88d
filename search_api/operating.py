"""What an operator asks: the published versions, going back to one, pictures without a vector."""

from datetime import UTC, datetime

from lookalike.catalogue.storage import read_bytes
from lookalike.client import (
    Quarantine,
    QuarantinedPicture,
    RolledBack,
    StoredVersion,
    Versions,
)
from lookalike.errors import LookalikeError, PictureNotFound, PictureUnreadable, StoreError
from lookalike.index import Quarantined, find_quarantined, quarantine_page
from lookalike.index.rollback import version_before
from lookalike.index.version import decode_details
from lookalike.store import Collection, check_sizes, made_at
from search_api.capacity import Capacity
from search_api.parameters import QuarantineParameters
from search_api.pictures import jpeg_of
from search_api.search import FILE_SCHEME
from search_api.serving import Serving

MOST_VERSIONS = 100


def list_versions(indexes: Collection, serving: Serving | None) -> Versions:
    """List the published versions, the newest first; reads the store, so on a native thread.

    Args:
        indexes: of the store.
        serving: what this worker answers from, where it does.
    """
    current = indexes.current_or_none()
    served = None if serving is None else serving.index.name
    listed = [
        _described(indexes, version, current=version == current, served=version == served)
        for version in reversed(indexes.versions()[-MOST_VERSIONS:])
    ]
    name = indexes.root.rpartition("/")[2]
    return Versions(index=name, current=current, versions=listed)


def _described(indexes: Collection, version: str, *, current: bool, served: bool) -> StoredVersion:
    stamp = made_at(version)
    made = None if stamp is None else datetime.fromtimestamp(stamp, UTC).isoformat()
    try:
        details = decode_details(indexes.manifest(version), version)
    except LookalikeError as error:  # one that is damaged hides no other
        told = str(error)
        return StoredVersion(
            version=version, made=made, current=current, served=served, problem=told
        )
    measured = details.measured
    return StoredVersion(
        version=version,
        made=made,
        current=current,
        served=served,
        pictures=details.pictures,
        quarantined=details.quarantined,
        recall_at_10=details.recall_at_10,
        target=None if measured is None else measured.target,
        model_version=details.model.version,
        factory=details.factory,
        origin=details.origin,
        predecessor=details.predecessor,
    )


def roll_back(indexes: Collection, version: str | None) -> RolledBack:
    """Point ``CURRENT`` at a version, by default the one before; on a native thread.

    Its files are looked at, not read: every replica holds them against their digests before
    it answers from them, and goes on with the old version where they are damaged.

    Raises:
        DataError: there is none before.
        VersionNotFound, StoreError, DigestMismatch: the version is not there, or damaged; or
            the store cannot be written to.
    """
    before = indexes.current_or_none()
    wanted = version_before(indexes) if version is None else version
    check_sizes(indexes, wanted)
    try:
        indexes.set_current(wanted)
    except OSError as error:
        raise StoreError(
            f"CURRENT cannot be written by this service ({error.strerror}): in a cluster, kubectl "
            "create job --from=cronjob/rollback does it; else 'lookalike index rollback'"
        ) from error
    return RolledBack(version=wanted, before=before)


def list_quarantine(serving: Serving, wanted: QuarantineParameters) -> Quarantine:
    """List pictures of the served version that have no vector; on a native thread."""
    index = serving.index
    if index.quarantine is None:
        return Quarantine(index_version=index.name, types={}, pictures=[])
    page, types = quarantine_page(index.quarantine, wanted.type, wanted.k, wanted.offset)
    told = [_told(picture) for picture in page]
    return Quarantine(index_version=index.name, types=types, pictures=told)


def _told(picture: Quarantined) -> QuarantinedPicture:
    """Say where it is and what is wrong; where this machine keeps a file is nobody's business."""
    uri, detail = picture.uri, picture.detail
    if uri.startswith(FILE_SCHEME):
        detail = detail.replace(uri.removeprefix(FILE_SCHEME), picture.id)
        uri = picture.id
    return QuarantinedPicture(id=picture.id, uri=uri, type=picture.type, detail=detail)


def draw_quarantined(serving: Serving, name: str, size: int, capacity: Capacity) -> bytes:
    """Make a JPEG of a picture without a vector, where it can be decoded at all.

    Raises:
        PictureNotFound: there is no such picture in the served version.
        PictureUnreadable, PictureError: it cannot be read, or decoded.
    """
    path = serving.index.quarantine
    picture = None if path is None else find_quarantined(path, name)
    if picture is None:
        raise PictureNotFound(f"no picture {name!r} of this version lacks a vector")
    try:
        data = read_bytes(picture.uri, capacity.file_bytes)
    except (OSError, LookalikeError) as error:
        raise PictureUnreadable(f"the file of {name!r} cannot be read here") from error
    return jpeg_of(data, size, capacity.decoded_bytes)
