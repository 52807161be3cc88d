"""How many bytes decoding a picture takes at most, from its header.

The factors are upper bounds, measured as peak memory of a process that decodes one
picture (tests/picture/test_memory.py holds them); nothing here allocates.
"""

from lookalike.picture.contract import PictureContract
from lookalike.picture.fit import target_size
from lookalike.picture.header import PictureHeader, Size

REDUCTIONS = (8, 4, 2)  # libjpeg's scaled decoding that OpenCV offers


def decoded_bytes(header: PictureHeader, contract: PictureContract) -> int:
    """Estimate the peak bytes of decoding the picture for ``contract``."""
    size = header.size
    if header.format == "JPEG":
        size = reduced_size(size, reduction(header, contract))
    # 16 bits are brought down to 8 in a copy that has half their bytes.
    depth = 1 if header.bits == 8 else 3
    pixels = size.area * header.channels * depth
    return pixels + header.coefficient_bytes + _CODED[header.format] * header.coded_pixels


# Bytes for each coded pixel that a decoder holds besides what it gives.
_CODED = {"AVIF": 6, "BMP": 0, "GIF": 5, "JPEG": 0, "PNG": 0, "WebP": 6}


def reduction(header: PictureHeader, contract: PictureContract) -> int:
    """Give the largest of 8, 4, 2 and 1 that leaves a JPEG no smaller than its target."""
    target = target_size(header.size.turned(header.orientation), contract)
    needed = target.turned(header.orientation)
    for factor in REDUCTIONS:
        size = reduced_size(header.size, factor)
        if size.width >= needed.width and size.height >= needed.height:
            return factor
    return 1


def reduced_size(size: Size, factor: int) -> Size:
    """Give libjpeg's size at 1/``factor``: each side divided, rounded up."""
    return Size(-(-size.width // factor), -(-size.height // factor))
