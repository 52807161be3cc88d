"""What the OpenAPI document says of each endpoint beside what its route and its structs say."""

from collections.abc import Iterator, Mapping

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST

from lookalike import errors
from lookalike.answers import (
    Duplicates,
    Explanation,
    Models,
    PictureDetails,
    Quarantine,
    RolledBack,
    Versions,
)
from lookalike.errors import LookalikeError
from lookalike.key_file import Scope
from search_api import pictures
from search_api.about import About
from search_api.answers import Alive, Deleted, Put, Ready
from search_api.batch import Outcomes
from search_api.parameters import (
    FIELD,
    JSON,
    RAW,
    DuplicatesParameters,
    ExplainParameters,
    ImageParameters,
    JsonBatch,
    JsonExplain,
    JsonQuery,
    JsonRollback,
    JsonUpload,
    Parameters,
    QuarantineParameters,
    UploadParameters,
)
from search_api.schemas import Described, Schema
from search_api.search import Answer

Kinds = tuple[type[LookalikeError], ...]

HTML = "text/html"
TEXT = CONTENT_TYPE_LATEST.partition(";")[0]
ANY_PICTURE = "image/*"
EXAMPLE_ID = "bird/crow.png"
NO_STRUCT: Schema = {"type": "string"}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint.

    Attributes:
        answers: by media type, a struct or a schema.
        body: by media type, what a request may have as its body; likewise.
        files: of a form, by name; its other fields are those of ``query``.
        examples: of a JSON body, by what they show.
        query: parameters of the URL: a struct, or schemas by name.
        problems: that it may answer, beside those that any endpoint may.
        scope: that a key must have; None: no key is needed.
        cached: whether a browser's copy is asked about.
        creates: whether it answers 201 where something is new.
    """

    answers: Mapping[str, Described]
    body: Mapping[str, Described] = {}
    files: Mapping[str, Schema] = {}
    examples: Mapping[str, Schema] = {}
    query: type[msgspec.Struct] | Mapping[str, Schema] = {}
    problems: Kinds = ()
    scope: Scope | None = None
    cached: bool = False
    creates: bool = False

    @property
    def all_problems(self) -> Kinds:
        """Every kind of problem that it may answer."""
        keys: Kinds = (errors.MissingKey, errors.MissingScope) if self.scope else ()
        keys += (errors.RateLimited,) if self.scope == "search" else ()
        body = (errors.UnsupportedMediaType, errors.BodyTooLarge) if self.body else ()
        # Of any path: its URL may be no UTF-8.
        return (errors.BadRequest, *self.problems, *body, *keys, errors.UriTooLong, LookalikeError)


def _family(*roots: type[LookalikeError]) -> Iterator[type[LookalikeError]]:
    for root in roots:
        yield root
        yield from _family(*root.__subclasses__())


# A replica that is not ready says so with 503, whatever the reason (replica.unready).
UNREADY: Kinds = tuple(
    kind
    for kind in _family(errors.StoreError, errors.ModelServerError, errors.SourceUnavailable)
    if kind.status == errors.StoreError.status
)
# A picture that changes while it is read is one of a catalogue, and here unreadable.
PICTURE: Kinds = tuple(
    kind for kind in _family(errors.PictureError) if kind is not errors.ChangingPicture
)
MODEL_SERVER: Kinds = tuple(
    kind for kind in _family(errors.ModelServerError) if kind not in UNREADY
)
OVERLOADED: Kinds = (errors.TooBusy, errors.DeadlineExceeded)
SEARCH: Kinds = (
    *(errors.MissingPicture, errors.InvalidParameter),
    *(errors.InvalidFilter, errors.NotFilterable, errors.OtherModel),
    *PICTURE,
    *(errors.PictureNotFound, errors.PictureUnreadable, errors.NoFeatures),
    *(errors.UrlNotAllowed, errors.UrlUnreadable),
    *OVERLOADED,
    *MODEL_SERVER,
    *UNREADY,
)
NO_BOX: Kinds = tuple(kind for kind in PICTURE if kind is not errors.BadBox)
FILTERING: Kinds = (errors.InvalidFilter, errors.NotFilterable)
OTHER_SOURCES: Kinds = (errors.MissingPicture, errors.OtherModel)
BY_ID_ALONE: Kinds = tuple(kind for kind in SEARCH if kind not in (*FILTERING, *OTHER_SOURCES))
# The bytes of a file, of which JSON Schema knows nothing.
BYTES: Schema = {}
FILE: Schema = {
    "type": "string",
    "contentMediaType": RAW,
    "description": "JPEG, PNG, WebP, AVIF, BMP or GIF; the bytes tell which, not the name.",
}
BOX = {"left": 0.5, "top": 0, "right": 1, "bottom": 1}

# By the names of the functions in paths.py and operating_paths.py.
OPERATIONS: dict[str, Operation] = {
    "post_search": Operation(
        answers={JSON: Answer},
        body={JSON: JsonQuery, ANY_PICTURE: BYTES, RAW: BYTES},
        files={FIELD: FILE},
        examples={
            "A picture of the index": {"id": EXAMPLE_ID, "k": 5, "exclude_self": True},
            "A picture elsewhere": {"url": "https://example.com/crow.jpg", "k": 5},
            "The best hit of each label": {"id": EXAMPLE_ID, "group_by": "label"},
            "A part of it": {"id": EXAMPLE_ID, "box": BOX, "fields": ["id", "distance"]},
        },
        query=Parameters,
        problems=SEARCH,
        scope="search",
    ),
    "post_search_batch": Operation(
        answers={JSON: Outcomes},
        body={JSON: JsonBatch},
        examples={
            "Two searches": {"queries": [{"id": EXAMPLE_ID}, {"id": "bird/owl.png", "k": 3}]}
        },
        problems=(errors.InvalidParameter, *OVERLOADED, *UNREADY),
        scope="search",
    ),
    "post_explain": Operation(
        answers={JSON: Explanation},
        body={JSON: JsonExplain, ANY_PICTURE: BYTES, RAW: BYTES},
        files={FIELD: FILE},
        examples={
            "A picture of the index": {"id": EXAMPLE_ID, "hits": ["bird/owl.png"]},
            "A part of it": {"id": EXAMPLE_ID, "hits": ["bird/owl.png"], "box": BOX},
        },
        query=ExplainParameters,
        problems=(
            *(errors.MissingPicture, errors.InvalidParameter),
            *PICTURE,
            *(errors.PictureNotFound, errors.PictureUnreadable, errors.NoFeatures),
            *(errors.NotExplainable,),
            *OVERLOADED,
            *MODEL_SERVER,
            *UNREADY,
        ),
        scope="search",
    ),
    "get_picture": Operation(
        answers={JSON: PictureDetails},
        problems=(errors.PictureNotFound, *UNREADY),
        scope="search",
    ),
    "get_picture_image": Operation(
        answers={pictures.MEDIA_TYPE: BYTES},
        query=ImageParameters,
        problems=(
            errors.InvalidParameter,
            *(errors.PictureNotFound, errors.PictureUnreadable),
            *PICTURE,
            *OVERLOADED,
            *UNREADY,
        ),
        scope="search",
        cached=True,
    ),
    "put_picture": Operation(
        answers={JSON: Put},
        body={JSON: JsonUpload, ANY_PICTURE: BYTES, RAW: BYTES},
        files={FIELD: FILE},
        query=UploadParameters,
        problems=(
            errors.DataError,
            *(errors.MissingPicture, errors.InvalidParameter),
            *NO_BOX,
            *(errors.NoFeatures, errors.AdditionsFull, errors.StoreFull),
            *OVERLOADED,
            *MODEL_SERVER,
            *UNREADY,
        ),
        scope="admin",
        creates=True,
    ),
    "get_duplicates": Operation(
        answers={JSON: Duplicates},
        query=DuplicatesParameters,
        problems=BY_ID_ALONE,
        scope="search",
    ),
    "delete_picture": Operation(
        answers={JSON: Deleted},
        problems=(errors.DataError, errors.StoreError, errors.StoreFull),
        scope="admin",
    ),
    "get_index": Operation(answers={JSON: About}, problems=UNREADY, scope="search"),
    "get_index_versions": Operation(
        answers={JSON: Versions}, problems=(errors.StoreError,), scope="admin"
    ),
    "post_index_rollback": Operation(
        answers={JSON: RolledBack},
        body={JSON: JsonRollback},
        examples={"The version before": {}},
        problems=(
            *(errors.InvalidParameter, errors.DataError),
            *(errors.VersionNotFound, errors.PublishConflict, errors.StoreError),
            *(errors.DigestMismatch, errors.StoreFull),
            *OVERLOADED,
        ),
        scope="admin",
    ),
    "get_models": Operation(answers={JSON: Models}, problems=(errors.StoreError,), scope="admin"),
    "get_quarantine": Operation(
        answers={JSON: Quarantine},
        query=QuarantineParameters,
        problems=(errors.InvalidParameter, *UNREADY),
        scope="admin",
    ),
    "get_quarantined_image": Operation(
        answers={pictures.MEDIA_TYPE: BYTES},
        query=ImageParameters,
        problems=(
            errors.InvalidParameter,
            *(errors.PictureNotFound, errors.PictureUnreadable),
            *NO_BOX,
            *OVERLOADED,
            *UNREADY,
        ),
        scope="admin",
    ),
    "get_metrics": Operation(answers={TEXT: NO_STRUCT}),
    "get_healthz": Operation(answers={JSON: Alive}),
    "get_readyz": Operation(answers={JSON: Ready}, problems=(errors.Stopping, *UNREADY)),
    "get_openapi": Operation(answers={JSON: {"type": "object"}}),
    "get_docs": Operation(answers={HTML: NO_STRUCT}),
}
