"""What a search can be asked: the structs that requests are checked by, and described from."""

from functools import cache
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lookalike.catalogue import Attribute
from lookalike.index import Filter
from lookalike.picture import Box

FIELD = "image"
RAW = "application/octet-stream"
FORM = "multipart/form-data"
JSON = "application/json"
MAX_K = 1000
MAX_OFFSET = 1000
MAX_BATCH = 64
MAX_EXPLAINED = 24
MAX_ROWS = 1 << 31
MAX_DIMENSIONS = 1 << 14
MAX_ID_BYTES = 1 << 12
MAX_LABEL = 1024
MAX_SPACE = 1024
# Added pictures stay in memory until a version folds them in: as much as a URL can carry.
MAX_ATTRIBUTES_BYTES = 1 << 13
# Above most distances of copies, below nearly all of different pictures (bench.duplicates).
NEAR_DUPLICATE = 0.2
MAX_DISTANCE = 1e6
MAX_URL = 1 << 11
MIN_SIZE, MAX_SIZE = 16, 1 << 11
# What a JSON search looks for: exactly one of these members of JsonQuery.
SOURCES = ("image", "url", "id", "vector")
ONE_OF = f"one of {', '.join(SOURCES[:-1])} and {SOURCES[-1]}"

Id = Annotated[
    str, Meta(min_length=1, max_length=MAX_ID_BYTES, description="Of a picture of the index.")
]
Field = Literal["id", "distance", "score", "label", "uri", "attributes"]
# Parameters that are more than a word; in a query string or a form they are JSON.
NESTED = frozenset({"box", "filter", "attributes", "hits"})


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a search can be told beside what to look for."""

    k: Annotated[int, Meta(ge=1, le=MAX_K, description=f"How many to find, 1 to {MAX_K}.")] = 10
    offset: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_OFFSET,
            description=f"How many to pass over, 0 to {MAX_OFFSET}.",
        ),
    ] = 0
    filter: Annotated[
        Filter | None, Meta(description="Which pictures may be answered, by their attributes.")
    ] = None
    box: Annotated[Box | None, Meta(description="The part of the picture that is looked for.")] = (
        None
    )
    min_score: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="Least score of a hit; needs an index whose scores are calibrated."),
    ] = None
    fields: Annotated[
        list[Field] | None, Meta(description="What to tell of each hit; by default all.")
    ] = None
    exclude_self: Annotated[
        bool, Meta(description="Leave out the picture itself: its id, or the same bytes.")
    ] = False
    group_by: Annotated[
        Annotated[str, Meta(min_length=1, max_length=256)] | None,
        Meta(description="An attribute, or label: of each of its values only the best hit."),
    ] = None
    with_vector: Annotated[
        bool, Meta(description="Answer the vector too that was searched with, to go on with.")
    ] = False


class Encoded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture file within JSON."""

    b64: Annotated[bytes, Meta(description="The file's bytes in base64.")]


class EncodedVector(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """A vector within JSON as the bytes that it is, which is shorter, exact and sooner read.

    An answer's vector says all of it, so that it can be searched with as it came.
    """

    b64: Annotated[bytes, Meta(description="Its numbers, little-endian float32, in base64.")]
    space: Annotated[
        Annotated[str, Meta(max_length=MAX_SPACE)] | None,
        Meta(description="Model and metric that it is of; to others its numbers mean nothing."),
    ] = None
    sha256: Annotated[
        Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)] | None,
        Meta(description="Digest of the file that it is of, which exclude_self leaves out."),
    ] = None


class JsonQuery(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search as JSON: exactly one of image, url, id and vector, and parameters."""

    image: Encoded | UnsetType = UNSET
    url: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=MAX_URL,
                description="Of a picture file that the service fetches, if its settings allow.",
            ),
        ]
        | UnsetType
    ) = UNSET
    id: Id | UnsetType = UNSET
    vector: (
        Annotated[
            Annotated[list[float], Meta(min_length=1, max_length=MAX_DIMENSIONS)] | EncodedVector,
            Meta(description="As the model gives it: numbers, or the bytes that they are."),
        ]
        | UnsetType
    ) = UNSET


class JsonBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several searches at once."""

    queries: Annotated[list[JsonQuery], Meta(min_length=1, max_length=MAX_BATCH)]


class RawBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several searches at once; each is read by itself and has its own outcome."""

    queries: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MAX_BATCH)]


class UploadParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be told of a picture that is put into the index."""

    label: Annotated[
        Annotated[str, Meta(max_length=MAX_LABEL)] | None, Meta(description="Its category.")
    ] = None
    attributes: Annotated[
        dict[str, Attribute],
        Meta(
            description="What else is known of it: texts, numbers, truth values and null by name; "
            f"together at most {MAX_ATTRIBUTES_BYTES} bytes of JSON."
        ),
    ] = msgspec.field(default_factory=dict)


class JsonUpload(UploadParameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture for the index, as JSON."""

    image: Encoded


class DuplicatesParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which picture duplicates are looked for, and how near they must be."""

    id: Id
    distance: Annotated[
        float, Meta(ge=0, le=MAX_DISTANCE, description="The greatest distance of a duplicate.")
    ] = NEAR_DUPLICATE
    k: Annotated[int, Meta(ge=1, le=MAX_K, description=f"How many to find, 1 to {MAX_K}.")] = 100


class QuarantineParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which pictures without a vector are listed."""

    type: Annotated[
        Annotated[str, Meta(min_length=1, max_length=64)] | None,
        Meta(description="Of the error that kept them out; by default all."),
    ] = None
    k: Annotated[int, Meta(ge=1, le=MAX_K, description=f"How many to list, 1 to {MAX_K}.")] = 100
    offset: Annotated[
        int, Meta(ge=0, le=MAX_ROWS, description="How many to pass over, by their ids' order.")
    ] = 0


class ImageParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How large a picture is shown."""

    size: Annotated[
        int,
        Meta(
            ge=MIN_SIZE,
            le=MAX_SIZE,
            description=f"Pixels of the longer side, {MIN_SIZE} to {MAX_SIZE}.",
        ),
    ] = 256


class JsonRollback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version is to be served again."""

    version: Annotated[
        Annotated[str, Meta(min_length=1, max_length=128)] | None,
        Meta(description="As GET /index/versions names it; by default the one before."),
    ] = None


class ExplainParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With which pictures a picture is compared, part by part."""

    hits: Annotated[
        list[Id],
        Meta(min_length=1, max_length=MAX_EXPLAINED, description="Ids of pictures of the index."),
    ]
    box: Annotated[Box | None, Meta(description="The part of the picture that is meant.")] = None


class JsonExplain(ExplainParameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be explained, as JSON: exactly one of image and id, and parameters."""

    image: Encoded | UnsetType = UNSET
    id: Id | UnsetType = UNSET


@cache
def descriptions(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Say what each member of a request of this kind is, in words."""
    members = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
    return {name: member.get("description", "") for name, member in members.items()}
