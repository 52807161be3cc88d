"""A pack: many records in one file, written once and never changed.

A line of JSON that says what is in it, then a line for each record. The first line alone
tells a reader that knows all of them, so that it need not read the others.
"""

import hashlib
from collections.abc import Container, Iterable
from typing import BinaryIO

import msgspec

from lookalike.changes.record import Record
from lookalike.errors import StoreError

FORMAT = 1


class PackHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack has, and which files it stands for.

    Attributes:
        at: when it was made, UTC, ISO 8601.
        names: of the records in it, in the order of their lines.
        packed: names of all others that it was made from: whatever they said of a picture,
            a later one of ``names`` says something else.
        replaces: names of the packs that it was made from.
        sha256: of all lines that follow, in hexadecimal.
    """

    format: int = FORMAT
    at: str
    names: list[str]
    packed: list[str]
    replaces: list[str]
    sha256: str

    @property
    def stands_for(self) -> set[str]:
        """Name every record that whoever has read the pack knows all about."""
        return {*self.names, *self.packed}


class Pack(msgspec.Struct, frozen=True):
    """What was read of a pack: its header, and those of its records that were not known."""

    header: PackHeader
    records: list[Record]


def encode_pack(
    at: str, records: Iterable[Record], made_from: Iterable[str], replaces: Iterable[str]
) -> bytes:
    """Give a pack as it is written.

    Args:
        at: when it is made.
        records: to be in it.
        made_from: names of all records that it stands for.
        replaces: names of the packs that it stands for.
    """
    ordered = sorted(records, key=lambda record: record.name)
    lines = b"".join(record.encode() + b"\n" for record in ordered)
    names = [record.name for record in ordered]
    header = PackHeader(
        at=at,
        names=names,
        packed=sorted(set(made_from).difference(names)),
        replaces=sorted(replaces),
        sha256=hashlib.sha256(lines).hexdigest(),
    )
    return msgspec.json.encode(header) + b"\n" + lines


def read_pack(file: BinaryIO, known: Container[str], where: str) -> Pack:
    """Read a pack; its records only where one of them is not ``known`` by name.

    Raises:
        StoreError: it is damaged, which names ``where``. It is never passed over: what was
            deleted would be found again.
    """
    try:
        header = msgspec.json.decode(file.readline(), type=PackHeader)
        if header.format != FORMAT:
            raise StoreError(f"{where} is of format {header.format}; this program reads {FORMAT}")
        wanted = [name not in known for name in header.names]
        return Pack(header, _records(file.read(), header, wanted) if any(wanted) else [])
    except (msgspec.DecodeError, ValueError) as error:
        raise StoreError(
            f"{where} is not a pack of records of deletions and additions ({error}): restore it "
            "from a backup"
        ) from error


def _records(lines: bytes, header: PackHeader, wanted: list[bool]) -> list[Record]:
    if hashlib.sha256(lines).hexdigest() != header.sha256:
        raise ValueError("its SHA-256 is another than it says")
    decode = msgspec.json.Decoder(Record).decode
    each = zip(lines.splitlines(), wanted, strict=True)
    return [decode(line) for line, is_wanted in each if is_wanted]
