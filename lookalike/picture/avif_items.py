"""The items in an AVIF's ``meta`` box (ISO/IEC 23008-12): which there are and where they lie."""

from dataclasses import dataclass, field

from lookalike.picture.boxes import Box, Fields, boxes
from lookalike.picture.cursor import corrupt, counted, take

_MAX_META = 1 << 20  # a grid of 256 tiles needs 30 kB


@dataclass
class Items:
    """What the ``meta`` box says.

    Attributes:
        primary: number of the item that is the picture.
        kinds: four-letter type of each item.
        properties: body of each item's first property of each type; a ``colr`` of the
            kind ``nclx`` goes by that name.
        references: (type, from, to) of every reference between items.
        extents: (in idat, offset, length) of each item's parts.
        idat: the data that lies inside the ``meta`` box.
    """

    primary: int = -1
    kinds: dict[int, bytes] = field(default_factory=dict)
    properties: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    references: list[tuple[bytes, int, int]] = field(default_factory=list)
    extents: dict[int, list[tuple[bool, int, int]]] = field(default_factory=dict)
    idat: bytes = b""

    def property_of(self, item: int, kind: bytes) -> bytes | None:
        """Give the body of an item's first property of that type."""
        return self.properties.get(item, {}).get(kind)

    def bytes_of(self, item: int, data: bytes) -> int:
        """Count the bytes of an item's parts; a length of 0 means as far as the file goes."""
        return sum(length or len(data) for _, _, length in self.extents.get(item, ()))

    def data_of(self, item: int, data: bytes) -> bytes:
        """Join an item's parts; TruncatedPicture where one is past the end."""
        return b"".join(
            take(self.idat if inside else data, offset, length or len(data) - offset, "AVIF")
            for inside, offset, length in self.extents.get(item, ())
        )


def read_items(data: bytes, meta: Box) -> Items:
    """Read the boxes inside ``meta``."""
    if meta.end - meta.start > _MAX_META:
        raise corrupt("AVIF", f"its meta box is over {_MAX_META:,} bytes")
    items = Items()
    for box in boxes(data, meta.body_start + 4, meta.end):
        body = data[box.body_start : box.end]
        if box.kind in _READERS:
            _READERS[box.kind](body, items)
    return items


def _read_pitm(body: bytes, items: Items) -> None:
    fields = Fields(body)
    version, _ = fields.full_box()
    items.primary = fields.number(4 if version else 2)


def _read_iinf(body: bytes, items: Items) -> None:
    version = body[0] if body else 0
    for box in boxes(body, 8 if version else 6, len(body)):
        fields = Fields(body[box.body_start : box.end])
        entry_version, _ = fields.full_box()
        item = fields.number(4 if entry_version == 3 else 2)
        fields.number(2)  # protection
        items.kinds[item] = fields.read(4)


def _read_iloc(body: bytes, items: Items) -> None:
    fields = Fields(body)
    version, _ = fields.full_box()
    sizes = fields.number(2)
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_bytes = sizes & 15 if version else 0
    parts = counted("AVIF")
    for _, _ in zip(range(fields.number(4 if version == 2 else 2)), parts, strict=False):
        item = fields.number(4 if version == 2 else 2)
        method = fields.number(2) & 15 if version else 0
        fields.number(2)  # data reference
        base = fields.number(base_bytes)
        extents = items.extents.setdefault(item, [])
        for _, _ in zip(range(fields.number(2)), parts, strict=False):
            fields.number(index_bytes)
            offset = base + fields.number(offset_bytes)
            extents.append((method == 1, offset, fields.number(length_bytes)))


def _read_iprp(body: bytes, items: Items) -> None:
    parts = {box.kind: body[box.body_start : box.end] for box in boxes(body, 0, len(body))}
    container, fields = parts.get(b"ipco", b""), Fields(parts.get(b"ipma", b""))
    known = [
        (_property_name(container, box), container[box.body_start : box.end])
        for box in boxes(container, 0, len(container))
    ]
    version, flags = fields.full_box()
    wide = flags & 1
    for _, _ in zip(range(fields.number(4)), counted("AVIF"), strict=False):
        item = fields.number(4 if version else 2)
        chosen = items.properties.setdefault(item, {})
        for _ in range(fields.number(1)):
            index = fields.number(2) & 0x7FFF if wide else fields.number(1) & 0x7F
            for kind, property_body in known[index - 1 : index] if index else ():
                chosen.setdefault(kind, property_body)


def _property_name(container: bytes, box: Box) -> bytes:
    nclx = container[box.body_start : box.body_start + 4] == b"nclx"
    return b"nclx" if box.kind == b"colr" and nclx else box.kind


def _read_iref(body: bytes, items: Items) -> None:
    width = 4 if body[:1] == b"\1" else 2
    for box in boxes(body, 4, len(body)):
        fields = Fields(body[box.body_start : box.end])
        source = fields.number(width)
        for _ in range(fields.number(2)):
            items.references.append((box.kind, source, fields.number(width)))


def _read_idat(body: bytes, items: Items) -> None:
    items.idat = body


_READERS = {
    b"pitm": _read_pitm,
    b"iinf": _read_iinf,
    b"iloc": _read_iloc,
    b"iprp": _read_iprp,
    b"iref": _read_iref,
    b"idat": _read_idat,
}
