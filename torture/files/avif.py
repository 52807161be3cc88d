"""AVIFs that OpenCV does not write: box by box, turned ones, and grids of tiles."""

import struct


def box(kind: bytes, *parts: bytes) -> bytes:
    """Write a box with its length (ISO/IEC 14496-12, 4.2)."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def body_of(data: bytes, kind: bytes) -> bytes:
    """Give the body of the only box of that type."""
    at = data.index(kind)
    (length,) = struct.unpack(">I", data[at - 4 : at])
    return data[at + 4 : at - 4 + length]


def grid(tiles: list[bytes], columns: int, side: int) -> bytes:
    """Lay plain AVIFs of ``side`` by ``side`` pixels out as one grid, row by row."""
    rows = len(tiles) // columns
    width, height = columns * side, rows * side
    layout = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    streams = [layout, *(body_of(tile, b"mdat") for tile in tiles)]
    numbers = range(1, len(streams) + 1)
    file_type = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    # The offsets in iloc do not change its length, so it is written twice.
    meta = _grid_meta(tiles[0], streams, numbers, (width, height, side), 0)
    start = len(file_type) + len(meta) + 8
    meta = _grid_meta(tiles[0], streams, numbers, (width, height, side), start)
    return file_type + meta + box(b"mdat", *streams)


def _grid_meta(
    tile: bytes, streams: list[bytes], numbers: range, sizes: tuple[int, int, int], start: int
) -> bytes:
    width, height, side = sizes
    places = [start + sum(map(len, streams[:number])) for number in range(len(streams))]
    located = b"".join(
        struct.pack(">HHHII", number, 0, 1, place, len(stream))
        for number, place, stream in zip(numbers, places, streams, strict=True)
    )
    entries = b"".join(
        box(b"infe", b"\2\0\0\0", struct.pack(">HH", number, 0), kind, b"\0")
        for number, kind in zip(numbers, [b"grid"] + [b"av01"] * len(streams), strict=False)
    )
    tile_numbers = struct.pack(f">{len(numbers) - 1}H", *numbers[1:])
    properties = box(
        b"ipco",
        box(b"ispe", bytes(4), struct.pack(">II", width, height)),
        box(b"ispe", bytes(4), struct.pack(">II", side, side)),
        *(box(kind, body_of(tile, kind)) for kind in (b"pixi", b"av1C", b"colr")),
    )
    chosen = struct.pack(">HB", 1, 3) + bytes((1, 3, 5))
    chosen += b"".join(
        struct.pack(">HB", number, 4) + bytes((2, 3, 0x80 | 4, 5)) for number in numbers[1:]
    )
    return box(
        b"meta",
        bytes(4),
        box(b"hdlr", bytes(8), b"pict", bytes(13)),
        box(b"pitm", bytes(4), b"\0\1"),
        box(b"iloc", bytes(4), b"\x44\0", struct.pack(">H", len(streams)), located),
        box(b"iinf", bytes(4), struct.pack(">H", len(streams)), entries),
        box(b"iref", bytes(4), box(b"dimg", struct.pack(">HH", 1, len(streams) - 1), tile_numbers)),
        box(b"iprp", properties, box(b"ipma", bytes(4), struct.pack(">I", len(numbers)), chosen)),
    )


def turned(data: bytes, irot: int | None, imir: int | None) -> bytes:
    """Add ``irot`` and ``imir`` to the properties of a plain AVIF's only item."""
    added = b""
    if irot is not None:
        added += struct.pack(">I4sB", 9, b"irot", irot)
    if imir is not None:
        added += struct.pack(">I4sB", 9, b"imir", imir)
    count = (irot is not None) + (imir is not None)
    container = data.index(b"ipco") - 4
    association = data.index(b"ipma") - 4
    (length,) = struct.unpack(">I", data[container : container + 4])
    known = _count_boxes(data[container + 8 : container + length])
    numbers = bytes(0x80 | known + 1 + number for number in range(count))  # essential
    entry = association + 8 + 4 + 4 + 2  # header, version and flags, entries, item
    end = entry + 1 + data[entry]
    new = bytearray(data[:end] + numbers + data[end:])
    new[entry] += count
    new[association:association] = added
    grown = {b"ipco": len(added), b"ipma": count}
    for kind in (b"meta", b"iprp", b"ipco", b"ipma"):
        at = new.index(kind) - 4
        (length,) = struct.unpack(">I", new[at : at + 4])
        new[at : at + 4] = struct.pack(">I", length + grown.get(kind, len(added) + count))
    return _moved(bytes(new), len(added) + count)


def _count_boxes(data: bytes) -> int:
    count, position = 0, 0
    while position < len(data):
        position += int.from_bytes(data[position : position + 4])
        count += 1
    return count


def _moved(data: bytes, by: int) -> bytes:
    """Move the only extent's offset in ``iloc`` (version 0, offsets of four bytes)."""
    at = data.index(b"iloc") + 4
    place = at + 4 + 2 + 2 + 2 + 2 + (data[at + 5] >> 4) + 2
    (offset,) = struct.unpack(">I", data[place : place + 4])
    return data[:place] + struct.pack(">I", offset + by) + data[place + 4 :]
