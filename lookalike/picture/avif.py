"""AVIF's still picture (AV1 Image File Format 1.2): its size, colours, alpha and orientation.

Of an image sequence the primary item is read, which is its first frame: the tracks are
renamed away, so that no decoder follows them.
"""

from lookalike.errors import UnsupportedFormat
from lookalike.picture.av1 import coded_size
from lookalike.picture.avif_items import Items, read_items
from lookalike.picture.boxes import Box, boxes
from lookalike.picture.cursor import corrupt, sized, take, truncated, unpack
from lookalike.picture.header import ParsedPicture, PictureHeader

_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"
_MOST_SHARED = 16  # tiles of equal data may lie in one place
_MAX_CODED_ITEMS = 1024  # a grid of 16 by 16 tiles, and as many for alpha
# (irot, imir) as one EXIF orientation: irot turns counter-clockwise by quarter turns,
# then imir swaps top and bottom (0) or left and right (1). ISO/IEC 23008-12, 6.5.10, 6.5.12.
_ORIENTATIONS = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip


def parse_avif(data: bytes) -> ParsedPicture:
    """Read an AVIF's ``meta`` box and the size in each bitstream that the picture is made of."""
    found: dict[bytes, Box] = {}
    for box in boxes(data, 0, len(data)):
        found.setdefault(box.kind, box)
    if b"meta" not in found:
        if b"moov" in found:
            raise UnsupportedFormat(
                "The AVIF holds a film and no still picture: send one frame as a picture."
            )
        raise truncated("AVIF")
    items = read_items(data, found[b"meta"])
    header = _header(items, data, animated=b"moov" in found)
    video_range = header.channels == 1 and not _full_range(items)
    return ParsedPicture(header=header, stream=_still(data, found), video_range=video_range)


def _header(items: Items, data: bytes, *, animated: bool) -> PictureHeader:
    if items.kinds.get(items.primary) not in (b"av01", b"grid"):
        raise UnsupportedFormat("The AVIF's picture is not coded as AV1: save it as JPEG.")
    extents = items.property_of(items.primary, b"ispe")
    if extents is None:
        raise corrupt("AVIF", "its picture has no size")
    width, height = unpack(">II", extents, 4, "AVIF")
    size = sized(width, height, "AVIF")
    tiles = _tiles(items, items.primary)
    bits, grey = _depth(items, tiles[0])
    alpha = _alpha_item(items)
    return PictureHeader(
        format="AVIF",
        width=size.width,
        height=size.height,
        channels=4 if alpha is not None else 1 if grey else 3,
        bits=bits,
        alpha=alpha is not None,
        animated=animated,
        orientation=_orientation(items),
        coded_pixels=_coded_pixels(items, data, tiles, alpha),
    )


def _tiles(items: Items, item: int) -> list[int]:
    """Give the coded items that a picture is made of: itself, or the tiles of its grid."""
    if items.kinds.get(item) != b"grid":
        return [item]
    tiles = [to for kind, source, to in items.references if (kind, source) == (b"dimg", item)]
    if not tiles:
        raise corrupt("AVIF", "its grid has no tiles")
    return tiles


def _depth(items: Items, item: int) -> tuple[int, bool]:
    """Give the bits a channel and whether it is grey, from ``av1C`` (AV1-ISOBMFF, 2.3.3)."""
    configuration = items.property_of(item, b"av1C")
    if configuration is None:
        raise corrupt("AVIF", "its picture has no decoder configuration")
    flags = take(configuration, 0, 4, "AVIF")[2]
    bits = 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    return bits, bool(flags & 0x10)


def _alpha_item(items: Items) -> int | None:
    for kind, source, to in items.references:
        if kind == b"auxl" and to == items.primary:
            meaning = items.property_of(source, b"auxC")
            if meaning is not None and meaning[4:] == _ALPHA:
                return source
    return None


def _coded_pixels(items: Items, data: bytes, tiles: list[int], alpha: int | None) -> int:
    coded = tiles + (_tiles(items, alpha) if alpha is not None else [])
    if len(coded) > _MAX_CODED_ITEMS:
        raise corrupt("AVIF", f"it has more than {_MAX_CODED_ITEMS:,} tiles")
    if sum(items.bytes_of(item, data) for item in coded) > _MOST_SHARED * len(data):
        raise corrupt("AVIF", "its tiles lie over each other")
    return sum(coded_size(items.data_of(item, data)).area for item in coded)


def _orientation(items: Items) -> int:
    turn = items.property_of(items.primary, b"irot")
    mirror = items.property_of(items.primary, b"imir")
    return _ORIENTATIONS[
        take(turn, 0, 1, "AVIF")[0] & 3 if turn is not None else 0,
        take(mirror, 0, 1, "AVIF")[0] & 1 if mirror is not None else None,
    ]


def _full_range(items: Items) -> bool:
    """Say whether greys use all values: the last bit of ``nclx`` (ISO/IEC 14496-12, 12.1.5)."""
    colours = items.property_of(items.primary, b"nclx")
    return colours is None or bool(take(colours, 10, 1, "AVIF")[0] & 0x80)


def _still(data: bytes, found: dict[bytes, Box]) -> bytes:
    """Hide the tracks of a sequence: its brand becomes ``avif`` and its ``moov`` is skipped."""
    brands = data[found[b"ftyp"].body_start : found[b"ftyp"].end]
    if b"moov" not in found and b"avis" not in brands:
        return data
    still = bytearray(data)
    still[found[b"ftyp"].body_start : found[b"ftyp"].end] = brands.replace(b"avis", b"avif")
    for box in found.values():
        if box.kind == b"moov":
            still[box.start + 4 : box.start + 8] = b"free"
    return bytes(still)
