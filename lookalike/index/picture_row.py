"""One picture of an index: what is known of it beside its vector."""

import msgspec

from lookalike.catalogue import Attribute


class PictureRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One picture of an index; in a file, an array of these."""

    id: str
    uri: str
    label: str | None
    sha256: bytes
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)
