"""One record: what was asked for, and when."""

from datetime import UTC, datetime

import msgspec

from lookalike.catalogue import Attribute
from lookalike.errors import StoreError


class Deletion(msgspec.Struct, frozen=True, tag_field="action", tag="delete"):
    """Pictures that must not be found any more, by id, until they are added again."""

    ids: list[str]


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """What one model makes of a picture's bytes, so that nobody need ask it again.

    Attributes:
        model, version, weights_sha256: exactly which model.
        vector: ``float32[d]``, little-endian, as the model gave it; base64 in the record.
    """

    model: str
    version: int
    weights_sha256: str
    vector: bytes


class Addition(msgspec.Struct, frozen=True):
    """A picture to be found from now on, whatever the catalogue says of its id.

    Attributes:
        id: its name.
        sha256: of its bytes, in hexadecimal; they lie in the log's ``pictures`` folder.
        label: its category, or None.
        attributes: what else is known of it.
        embedding: of the model that was served as it was added; None in older records.
    """

    id: str
    sha256: str
    label: str | None = None
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)
    embedding: Embedding | None = None


class Additions(msgspec.Struct, frozen=True, tag_field="action", tag="add"):
    """Pictures that were added together; all of them hold, or none."""

    pictures: list[Addition]


Change = Deletion | Additions


class Record(msgspec.Struct, frozen=True):
    """A change as it was written down; records are applied in the order of their names."""

    name: str
    at: str
    change: Change

    def encode(self) -> bytes:
        """Give the record as JSON."""
        return msgspec.json.encode(self)


def decode_record(data: bytes, where: str) -> Record:
    """Read a record; raise StoreError, naming ``where``, for one that is damaged.

    It is never passed over: what was deleted would be found again.
    """
    try:
        return msgspec.json.decode(data, type=Record)
    except msgspec.DecodeError as error:
        raise StoreError(
            f"{where} is not a record of a deletion or an addition ({error}): restore it from a "
            "backup, or remove it and ask for that change again"
        ) from error


def now() -> str:
    """Tell the time for a record, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
