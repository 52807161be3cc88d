"""One row of a catalogue."""

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec

from lookalike.errors import DataError

ID_BYTES = 4096

Attribute = str | int | float | bool | None


class Stamp(msgspec.Struct, frozen=True):
    """What tells, without reading it, that a file is as it was; None where storage has none."""

    size: int
    modified_ns: int | None = None
    etag: str | None = None


class Picture(msgspec.Struct, frozen=True):
    """One picture of a catalogue.

    Attributes:
        id: the picture's name everywhere; stable, and no two pictures share one.
        uri: where its bytes are: ``file:///…`` (percent-encoded), or a URL that fsspec reads.
        label: its category, or None where it has none.
        attributes: what else the catalogue says of it.
        stamp: of the file, as it was listed; None where the listing did not tell.
    """

    id: str
    uri: str
    label: str | None = None
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)
    stamp: Stamp | None = None

    @property
    def path(self) -> Path:
        """The file of a picture on this machine's file system."""
        return Path(os.fsdecode(unquote_to_bytes(urlsplit(self.uri).path)))


def checked_id(text: str, where: str) -> str:
    """Give back an id that can be one; raise DataError, naming ``where`` it stands, otherwise."""
    if not text:
        raise DataError(f"{where}: the id is empty")
    if "\0" in text:
        raise DataError(f"{where}: the id {text[:80]!r} has a NUL in it")
    if len(text) * 4 > ID_BYTES and (size := len(text.encode())) > ID_BYTES:
        raise DataError(
            f"{where}: the id {text[:80]!r}… has {size} bytes of UTF-8, over {ID_BYTES}"
        )
    return text
