"""What an operator asks: versions of index and model, going back, pictures without a vector.

All of it reads the store or files, so it runs on threads of its own (:func:`run_operating`,
:func:`run_moving`), but for the pictures that are decoded, which are a request's work as any other.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import msgspec

from lookalike.answers import (
    Models,
    Quarantine,
    QuarantinedPicture,
    RolledBack,
    StoredModel,
    StoredVersion,
    Versions,
)
from lookalike.catalogue.remote import failures
from lookalike.catalogue.urls import is_file
from lookalike.errors import (
    DeadlineExceeded,
    LookalikeError,
    PictureNotFound,
)
from lookalike.index import ModelReference, Quarantined
from lookalike.index.models import card_of
from lookalike.index.rollback import roll_back_to
from lookalike.index.version import decode_details
from lookalike.model_card import ModelCard, read_stored_card
from lookalike.store import Collection, check_sizes, made_at
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.native import run_native
from search_api.parameters import QuarantineParameters
from search_api.pictures import jpeg_for
from search_api.problems import said
from search_api.reading import read_file
from search_api.serving import Serving
from search_api.store_away import store_needed
from search_api.writing import not_written

MOST_VERSIONS = 100
TOO_LATE = (
    "CURRENT stays as it was: another job has held its lock, or the store was slow, for as long as "
    "a request may take; try again"
)
# Of one version, which then hides no other.
UNREADABLE = (LookalikeError, OSError)
# The manifests mount all of the store that is served read-only.
HOW_ELSE = (
    "; in a cluster, 'kubectl create job --from=cronjob/rollback rollback-$(date +%s)' goes to the "
    "version before the current one, and 'lookalike index rollback VERSION' in the toolbox to any"
)
# A file URL, and a word that begins as a path does: versions of before said where a file is.
A_PLACE = re.compile(r"""file:|(?:^|[\s'"(=:])/""", re.IGNORECASE)
UNTOLD = "what is wrong with the file is told by 'lookalike quarantine'"


def list_versions(indexes: Collection, models: Collection, serving: Serving | None) -> Versions:
    """List the published versions, the newest first.

    Args:
        indexes: of the store.
        models: of the store.
        serving: what this worker answers from, where it does.
    """
    current = indexes.current_if_told()
    served = None if serving is None else serving.index.name

    @cache  # many versions are by one model
    def obstacle(made: ModelReference) -> str | None:
        return _obstacle(models, made)

    listed = [
        _described(indexes, version, obstacle, current=version == current, served=version == served)
        for version in reversed(indexes.versions()[-MOST_VERSIONS:])
    ]
    return Versions(index=_name(indexes), current=current, versions=listed)


def _described(
    indexes: Collection,
    version: str,
    obstacle: Callable[[ModelReference], str | None],
    *,
    current: bool,
    served: bool,
) -> StoredVersion:
    stamp = made_at(version)
    made = None if stamp is None else datetime.fromtimestamp(stamp, UTC).isoformat()
    named = StoredVersion(version=version, made=made, current=current, served=served)
    try:
        manifest = indexes.manifest(version)
        details = decode_details(manifest, version)
    except UNREADABLE as error:
        return msgspec.structs.replace(named, problem=said(error))
    measured = details.measured
    return msgspec.structs.replace(
        named,
        bytes=sum(file.bytes for file in manifest.files if file.version is None),
        pictures=details.pictures,
        quarantined=details.quarantined,
        recall_at_10=details.recall_at_10,
        target=None if measured is None else measured.target,
        model_version=details.model.version,
        factory=details.factory,
        origin=details.origin,
        predecessor=details.predecessor,
        obstacle=obstacle(details.model),
    )


def _obstacle(models: Collection, made: ModelReference) -> str | None:
    """Say why no replica could serve what a model made: it is not in the store any more."""
    try:
        card_of(models.beside(made.name), made)
    except UNREADABLE as error:
        return said(error)
    return None


def list_models(models: Collection, serving: Serving | None) -> Models:
    """List the model versions of the store with what their cards say, the newest first.

    Args:
        models: the versions of the model of the settings' name.
        serving: what this worker answers from, where it does.
    """
    name, served = _name(models), None
    if serving is not None and serving.index.details.model.name == name:
        served = serving.index.details.model.version
    listed = [
        _model(models, int(version), served=int(version) == served)
        for version in reversed(models.versions()[-MOST_VERSIONS:])
    ]
    return Models(name=name, models=listed)


def _model(models: Collection, version: int, *, served: bool) -> StoredModel:
    try:
        card = read_stored_card(models, str(version))
    except UNREADABLE as error:
        return StoredModel(version=version, served=served, problem=said(error))
    return _of_card(card, version, served=served)


def _of_card(card: ModelCard, version: int, *, served: bool) -> StoredModel:
    compared = card.compared
    return StoredModel(
        version=version,
        served=served,
        made=card.created,
        backbone=card.backbone,
        tuned_from=card.tuned_from,
        categories=len(card.categories),
        pictures=card.training_data.pictures,
        quality=card.quality,
        calibration_error=None if card.calibration is None else card.calibration.ece,
        uncalibrated=card.uncalibrated,
        explains=card.explains,
        compared=None if compared is None else compared.verdict,
        beside=None if compared is None else compared.version,
        forced=card.forced,
    )


def _name(collection: Collection) -> str:
    return collection.root.rpartition("/")[2]


def roll_back(
    indexes: Collection, models: Collection, version: str | None, caller: Caller
) -> RolledBack:
    """Point ``CURRENT`` at a version, by default the one before, while the caller waits for it.

    Its files are looked at, not read: every replica holds them against their digests before
    it answers from them, and goes on with the old version where they are damaged.

    Raises:
        DataError, VersionNotFound, StoreError, DigestMismatch: as :func:`roll_back_to`.
        DeadlineExceeded, CallerGone: nobody waits any more, and ``CURRENT`` is as it was.
        PublishConflict: another process has held an object store's lock for too long.
        StoreError, StoreFull: the store cannot be written to by this service.
    """

    def patience() -> None:
        try:
            caller.left()
        except DeadlineExceeded as error:
            raise DeadlineExceeded(TOO_LATE) from error

    patience()  # whoever goes back before this one may have had the thread for long
    with store_needed("the versions cannot be read"):
        wanted = roll_back_to(indexes, models, version, check_sizes)
    try:
        before = indexes.set_current(wanted, patience)
    except failures() as error:
        raise not_written(error, "CURRENT", HOW_ELSE) from error
    return RolledBack(version=wanted, before=before)


def list_quarantine(serving: Serving, wanted: QuarantineParameters) -> Quarantine:
    """List pictures of the served version that have no vector."""
    index = serving.index
    page, types = index.quarantine.page(wanted.type, wanted.k, wanted.offset)
    told = [_told(picture) for picture in page]
    return Quarantine(index_version=index.name, types=types, pictures=told)


def _told(picture: Quarantined) -> QuarantinedPicture:
    """Say where it is and what is wrong; where this machine keeps a file is nobody's business."""
    uri, detail = picture.uri, picture.detail
    if is_file(uri):
        detail = detail.replace(uri, "the file")
        uri, detail = picture.id, UNTOLD if A_PLACE.search(detail) else detail
    return QuarantinedPicture(id=picture.id, uri=uri, type=picture.type, detail=detail)


def draw_quarantined(
    serving: Serving, name: str, size: int, capacity: Capacity, caller: Caller
) -> bytes:
    """Make a JPEG of a picture without a vector, where it can be decoded at all.

    Raises:
        PictureNotFound: there is no such picture in the served version.
        PictureUnreadable, PictureError: it cannot be read, or decoded.
        DeadlineExceeded, CallerGone: as of :func:`read_file`.
    """
    picture = run_native(lambda: serving.index.quarantine.find(name))
    if picture is None:
        raise PictureNotFound(f"no picture {name!r} of this version lacks a vector")
    data = read_file(picture.uri, name, capacity, caller)
    return jpeg_for(data, size, capacity, caller)
