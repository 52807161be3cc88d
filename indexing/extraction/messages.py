"""What the job and its reading processes say to each other: a message a batch, no pixels."""

from typing import Literal

import msgspec

from lookalike.catalogue import Stamp

READY = b"ready"

# pixels: they are in the block's next slot; known: a vector of this digest is there;
# same: the file has the expected stamp and was not read.
Kind = Literal["pixels", "known", "same", "missing", "rejected"]


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """A picture to read; not where its stamp is the expected one.

    ``listed`` is its stamp as the catalogue has it.
    """

    uri: str
    listed: Stamp | None = None
    expected: Stamp | None = None


class Request(msgspec.Struct, frozen=True, array_like=True):
    """Pictures to read into a block, from the slot ``first`` on."""

    block: int
    first: int
    pictures: list[Wanted]


class Found(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What became of one picture, and the stamp of the bytes that were read."""

    kind: Kind
    sha256: bytes | None = None
    stamp: Stamp | None = None
    type: str | None = None
    detail: str | None = None


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """What became of a request's pictures, in its order, and how long that took."""

    found: list[Found]
    seconds: float


encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
