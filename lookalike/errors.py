"""Every error that Lookalike raises on purpose, in one tree.

Each class carries a stable ``type`` (the last part of the problem document's URI,
RFC 9457), a ``title``, the HTTP ``status`` that it answers with and the
``exit_code`` of the command line. A new kind of failure gets a class here and a
paragraph in docs/errors.md; a test holds the two against each other.

    LookalikeError
    ├── BadRequest                     the request cannot be understood
    │   ├── MissingPicture
    │   ├── InvalidParameter
    │   ├── InvalidFilter
    │   ├── OtherModel
    │   ├── UnsupportedMediaType
    │   ├── BodyTooLarge
    │   ├── UriTooLong
    │   ├── HeadersTooLarge
    │   ├── ExpectationFailed
    │   ├── TooBusy
    │   ├── RateLimited
    │   ├── DeadlineExceeded
    │   ├── Stopping
    │   ├── CallerGone
    │   ├── MissingKey
    │   ├── MissingScope
    │   ├── UrlNotAllowed
    │   ├── UrlUnreadable
    │   ├── NotFound
    │   │   ├── PictureNotFound
    │   │   └── PictureUnreadable
    │   └── MethodNotAllowed
    ├── PictureError                   the bytes are no usable picture
    │   ├── EmptyPicture
    │   ├── NotAPicture
    │   ├── UnsupportedFormat
    │   ├── BadDimensions
    │   ├── BadBox
    │   ├── PictureTooLarge
    │   ├── TruncatedPicture
    │   ├── CorruptPicture
    │   └── ChangingPicture
    ├── NoFeatures                     the model sees nothing in the picture
    ├── ModelServerError               the model server did not give vectors
    │   ├── ModelServerUnavailable
    │   │   └── ModelServerBusy
    │   ├── ModelVersionUnavailable
    │   └── ModelServerRejected
    │       └── BatchTooLarge
    ├── StoreError                     the artefact store is missing something
    │   ├── VersionNotFound
    │   ├── NothingPublished
    │   ├── DigestMismatch
    │   ├── ProbeMismatch
    │   ├── NotExplainable
    │   ├── NotFilterable
    │   ├── PublishConflict
    │   ├── AdditionsFull
    │   └── StoreFull
    ├── DataError                      the user's pictures cannot be worked with
    │   ├── CatalogueShrunk
    │   ├── RecallTooLow
    │   └── ModelWorse
    ├── SourceUnavailable              weights, samples or a remote catalogue cannot be had
    └── ConfigurationError             a setting or a flag makes no sense
"""

from typing import ClassVar


class LookalikeError(Exception):
    """Base of the tree; ``str(error)`` is one sentence that says what to do."""

    type: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1


class BadRequest(LookalikeError):
    """The request cannot be understood."""

    type = "bad-request"
    title = "The request cannot be understood"
    status = 400
    exit_code = 2


class MissingPicture(BadRequest):
    """A search request that carries no picture where one is expected."""

    type = "missing-picture"
    title = "The request carries no picture"


class InvalidParameter(BadRequest):
    """A parameter is out of its range or not of its type."""

    type = "invalid-parameter"
    title = "A parameter is not valid"


class InvalidFilter(BadRequest):
    """A filter that cannot be understood, is too large, or names what no picture has."""

    type = "invalid-filter"
    title = "The filter is not valid"


class OtherModel(BadRequest):
    """The vector is of another model than the index, or of another metric."""

    type = "other-model"
    title = "The vector is of another model"
    status = 409


class UnsupportedMediaType(BadRequest):
    """The request's Content-Type is none that this path reads."""

    type = "unsupported-media-type"
    title = "The request's Content-Type is not supported"
    status = 415


class BodyTooLarge(BadRequest):
    """The request's body is over ``LOOKALIKE_MAX_BODY_BYTES``, or a part of it over its limit."""

    type = "body-too-large"
    title = "The request is too large"
    status = 413


class UriTooLong(BadRequest):
    """The request's line, with its path and parameters, is longer than an HTTP server reads."""

    type = "uri-too-long"
    title = "The request's URL is too long"
    status = 414


class HeadersTooLarge(BadRequest):
    """More or longer header fields than an HTTP server reads."""

    type = "headers-too-large"
    title = "The request's headers are too large"
    status = 431


class ExpectationFailed(BadRequest):
    """An ``Expect`` header of anything but 100-continue."""

    type = "expectation-failed"
    title = "The request expects what this service does not do"
    status = 417


class TooBusy(BadRequest):
    """More requests are at work than can be answered in good time."""

    type = "too-busy"
    title = "The service has more to do than it can answer in good time"
    status = 429


class RateLimited(BadRequest):
    """An API key that asks faster than it may.

    Attributes:
        seconds: after which it may again.
    """

    type = "rate-limited"
    title = "The API key asks too much"
    status = 429

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class DeadlineExceeded(BadRequest):
    """A request's time is over before it was answered."""

    type = "deadline-exceeded"
    title = "There was no time left for an answer"
    status = 503


class Stopping(BadRequest):
    """The service was told to stop, and is ready for nothing new."""

    type = "stopping"
    title = "The service is being stopped"
    status = 503


class CallerGone(BadRequest):
    """The connection was closed by the other end; nobody reads this."""

    type = "caller-gone"
    title = "The connection was closed before the answer"
    status = 499


class MissingKey(BadRequest):
    """No API key, or one that this service does not know."""

    type = "missing-key"
    title = "The request has no valid API key"
    status = 401


class MissingScope(BadRequest):
    """An API key that may not do this."""

    type = "missing-scope"
    title = "The API key may not do this"
    status = 403


class UrlNotAllowed(BadRequest):
    """A search's URL that the service does not fetch, whatever is there."""

    type = "url-not-allowed"
    title = "The URL is not one that is fetched here"
    status = 403


class UrlUnreadable(BadRequest):
    """A search's URL that may be fetched, and gives no file."""

    type = "url-unreadable"
    title = "There is no file to be had from the URL"
    status = 422


class NotFound(BadRequest):
    """There is nothing at this path."""

    type = "not-found"
    title = "There is nothing here"
    status = 404


class PictureNotFound(NotFound):
    """No picture of this id can be found in the index."""

    type = "picture-not-found"
    title = "The index has no picture of this id"


class PictureUnreadable(NotFound):
    """A picture of the index whose file is gone, is another one now, or is out of reach."""

    type = "picture-unreadable"
    title = "The picture's file cannot be read"


class MethodNotAllowed(BadRequest):
    """The path exists and does not answer this method."""

    type = "method-not-allowed"
    title = "This method is not allowed here"
    status = 405


class PictureError(LookalikeError):
    """The bytes are no picture that can be worked with."""

    type = "bad-picture"
    title = "The picture cannot be used"
    status = 400
    exit_code = 3


class EmptyPicture(PictureError):
    """No bytes at all."""

    type = "empty-picture"
    title = "The picture is empty"


class NotAPicture(PictureError):
    """The bytes carry no signature of a known picture format."""

    type = "not-a-picture"
    title = "This is not a picture"


class UnsupportedFormat(PictureError):
    """A picture in a format that is recognised and not read, such as HEIC."""

    type = "unsupported-format"
    title = "This picture format is not supported"


class BadDimensions(PictureError):
    """A width or height of zero."""

    type = "bad-dimensions"
    title = "The picture has no area"


class BadBox(PictureError):
    """The box is not a part of the picture."""

    type = "bad-box"
    title = "The box is not inside the picture"


class PictureTooLarge(PictureError):
    """Over a limit: of the file's bytes, or of ``LOOKALIKE_MAX_DECODED_BYTES`` to decode it."""

    type = "picture-too-large"
    title = "The picture is too large"


class TruncatedPicture(PictureError):
    """The file ends before the picture does."""

    type = "truncated-picture"
    title = "The picture is cut off"


class CorruptPicture(PictureError):
    """The format is known, and its decoder cannot make a picture of the bytes."""

    type = "corrupt-picture"
    title = "The picture is damaged"


class ChangingPicture(PictureError):
    """A file of the catalogue that is written to whenever it is read."""

    type = "changing-picture"
    title = "The picture changes while it is read"


class NoFeatures(LookalikeError):
    """Every unit of ``dense_1`` is off: the vector has no direction to compare by."""

    type = "no-features"
    title = "The model finds nothing to compare in this picture"
    status = 422
    exit_code = 3


class ModelServerError(LookalikeError):
    """The model server did not answer with vectors."""

    type = "model-server-error"
    title = "The model server failed"
    status = 502
    exit_code = 4


class ModelServerUnavailable(ModelServerError):
    """The model server cannot be reached, is overloaded or is too slow."""

    type = "model-server-unavailable"
    title = "The model server is not available"
    status = 503


class ModelServerBusy(ModelServerUnavailable):
    """The model server runs and has more to do than it can queue, or answer in time."""

    type = "model-server-busy"
    title = "The model server has too much to do"


class ModelVersionUnavailable(ModelServerError):
    """The model server runs and does not serve the version that was asked for."""

    type = "model-version-unavailable"
    title = "The model version is not being served"
    status = 503


class ModelServerRejected(ModelServerError):
    """The model server refused the request; sending it again will not help."""

    type = "model-server-rejected"
    title = "The model server refused the request"


class BatchTooLarge(ModelServerRejected):
    """The request has more pictures, or bytes, than the model server takes at once.

    Attributes:
        most: pictures that it takes, where it says so.
    """

    type = "batch-too-large"
    title = "The request has too many pictures"

    def __init__(self, message: str, most: int | None = None) -> None:
        super().__init__(message)
        self.most = most


class StoreError(LookalikeError):
    """The artefact store does not hold what was asked of it."""

    type = "store-error"
    title = "The artefact store failed"
    status = 503
    exit_code = 5


class VersionNotFound(StoreError):
    """No complete version of that name is in the store."""

    type = "version-not-found"
    title = "There is no such version"
    status = 404


class NothingPublished(StoreError):
    """``CURRENT`` does not exist yet."""

    type = "nothing-published"
    title = "Nothing has been published yet"


class DigestMismatch(StoreError):
    """A file's size or SHA-256 is not the one in its manifest; it is not read."""

    type = "digest-mismatch"
    title = "A stored file is damaged"


class ProbeMismatch(StoreError):
    """The live model server gives other vectors than those the index was built with."""

    type = "probe-mismatch"
    title = "The model server and the index disagree"


class NotFilterable(StoreError):
    """The index version was built before attributes could be filtered by."""

    type = "not-filterable"
    title = "This index cannot be filtered"
    status = 409


class NotExplainable(StoreError):
    """The served model was exported without the signature that explains hits."""

    type = "not-explainable"
    title = "This model cannot explain its hits"
    status = 409


class PublishConflict(StoreError):
    """Somebody else moved ``CURRENT`` since this publisher looked at it.

    Attributes:
        current: the version that ``CURRENT`` points at, where it is known.
        version: the publisher's own, complete and not served, where it was made.
    """

    type = "publish-conflict"
    title = "Another version was published meanwhile"
    status = 409

    def __init__(
        self, message: str, *, current: str | None = None, version: str | None = None
    ) -> None:
        super().__init__(message)
        self.current, self.version = current, version


class AdditionsFull(StoreError):
    """As many pictures were added since the version was built as a replica keeps in memory."""

    type = "additions-full"
    title = "Too many pictures wait for the next version"
    status = 507


class StoreFull(StoreError):
    """There is no room to write what belongs into the store."""

    type = "store-full"
    title = "There is no room left"
    status = 507


class DataError(LookalikeError):
    """The user's pictures, or the catalogue of them, cannot be worked with as they are."""

    type = "bad-data"
    title = "The pictures cannot be worked with"
    status = 400
    exit_code = 6


class CatalogueShrunk(DataError):
    """The catalogue lost so many pictures that a fault is likelier than a wish."""

    type = "catalogue-shrunk"
    title = "The catalogue lost many pictures"


class RecallTooLow(DataError):
    """The index that was built finds too little of what exact search finds."""

    type = "recall-too-low"
    title = "The index finds too little"


class ModelWorse(DataError):
    """A trained model finds less than the one that is served."""

    type = "model-worse"
    title = "The model is worse than the served one"


class SourceUnavailable(LookalikeError):
    """Weights, sample pictures or a remote catalogue cannot be had from where they are."""

    type = "source-unavailable"
    title = "Something that must be fetched cannot be had"
    status = 503
    exit_code = 7


class ConfigurationError(LookalikeError):
    """A setting or a flag that makes no sense."""

    type = "bad-configuration"
    title = "A setting is wrong"
    exit_code = 2
