"""BMP's headers (Windows' BITMAPINFOHEADER family and OS/2's BITMAPCOREHEADER)."""

from lookalike.errors import UnsupportedFormat
from lookalike.picture.cursor import corrupt, sized, truncated, unpack
from lookalike.picture.header import ParsedPicture, PictureHeader, Size

_CORE, _INFO, _WITH_ALPHA_MASK = 12, 40, 56  # sizes of the headers
_PLAIN, _RLE8, _RLE4, _MASKS = range(4)
_DEPTHS = {  # what OpenCV reads
    _PLAIN: (1, 4, 8, 16, 24, 32),
    _RLE8: (8,),
    _RLE4: (4,),
    _MASKS: (16, 32),
}
_MASKS_AT = 54
_FIFTEEN_BITS, _SIXTEEN_BITS = (0x7C00, 0x3E0, 0x1F), (0xF800, 0x7E0, 0x1F)
_BGR = (0xFF0000, 0xFF00, 0xFF)
_WHOLE_BYTES = frozenset(0xFF << shift for shift in (0, 8, 16, 24))


def parse_bmp(data: bytes) -> ParsedPicture:
    """Read a BMP's header, and see that its pixels are all there.

    Alpha counts where the header has an alpha mask; in any other 32-bit BMP the fourth
    byte is padding, which most writers leave at zero.
    """
    offset, header_bytes = unpack("<II", data, 10, "BMP")
    if header_bytes == _CORE:
        width, height, _planes, bits = unpack("<HHHH", data, 18, "BMP")
        compression, stored = _PLAIN, 0
    elif header_bytes >= _INFO:
        width, height, _planes, bits, compression, stored = unpack("<iiHHII", data, 18, "BMP")
    else:
        raise UnsupportedFormat("The BMP is an old OS/2 one: save it anew as BMP, or as PNG.")
    size = sized(width, abs(height), "BMP")
    _check_coding(data, bits, compression, header_bytes)
    needed = _stride(size.width, bits) * size.height if compression in (_PLAIN, _MASKS) else stored
    if offset < 14 + header_bytes:
        raise corrupt("BMP", "its pixels begin inside its header")
    if offset + needed > len(data):
        raise truncated("BMP")
    return ParsedPicture(header=_header(data, size, bits, compression, header_bytes), stream=data)


def _header(
    data: bytes, size: Size, bits: int, compression: int, header_bytes: int
) -> PictureHeader:
    has_mask = compression == _MASKS and bits == 32 and header_bytes >= _WITH_ALPHA_MASK
    return PictureHeader(
        format="BMP",
        width=size.width,
        height=size.height,
        channels=4 if compression == _MASKS and bits == 32 else 3,
        alpha=has_mask and unpack("<I", data, _MASKS_AT + 12, "BMP") != (0,),
    )


def _check_coding(data: bytes, bits: int, compression: int, header_bytes: int) -> None:
    if bits not in _DEPTHS.get(compression, ()):
        raise UnsupportedFormat(
            f"The BMP has {bits} bits a pixel with compression {compression}, "
            "which is not read: save it as a plain BMP, or as PNG."
        )
    if compression == _MASKS and not _usual_masks(data, bits, header_bytes):
        raise UnsupportedFormat("The BMP has unusual colour masks: save it as PNG.")


def _usual_masks(data: bytes, bits: int, header_bytes: int) -> bool:
    """Say whether OpenCV reads these masks; outside a header it takes BGR for granted."""
    masks = unpack("<III", data, _MASKS_AT, "BMP")
    if bits == 16:
        return masks in (_FIFTEEN_BITS, _SIXTEEN_BITS)
    if header_bytes < _WITH_ALPHA_MASK:
        return masks == _BGR
    return _WHOLE_BYTES.issuperset(masks) and len(set(masks)) == 3


def _stride(width: int, bits: int) -> int:
    """Bytes of a row, which is padded to four."""
    return (width * bits + 31) // 32 * 4
