"""How many bytes decoding a picture takes at most, from its header.

The factors are upper bounds on peak memory as measured with OpenCV 5.0.0
(tests/picture/test_memory.py measures again). A copy or two of the file, which the
request's own limit bounds, and a few megabytes that every decoder needs come on top.
"""

from lookalike.picture.contract import PictureContract
from lookalike.picture.fit import target_size
from lookalike.picture.header import PictureHeader, Size

REDUCTIONS = (8, 4, 2)  # libjpeg's scaled decoding that OpenCV offers

# OpenCV decodes into memory of its own, which its Python binding copies to NumPy's.
_COPIES = 2
# Bytes a coded pixel, beside one copy of what is given: LZW indices and a BGRA canvas;
# ARGB and an alpha plane; dav1d's and libavif's planes, motion vectors and block data.
_GIF, _WEBP, _AVIF, _AVIF_DEEP = 5, 5, 17, 21


def decoded_bytes(
    header: PictureHeader, contract: PictureContract, part: Size | None = None
) -> int:
    """Estimate the peak bytes of decoding the picture for ``contract``.

    Sixteen bits count as two bytes a channel, alpha and a palette's expansion by the
    channels they become. A JPEG's pixels count at the scale that it is decoded at, its
    coefficients at the full one.
    """
    size = header.size
    if header.format == "JPEG":
        size = reduced_size(size, reduction(header, contract, part))
    given = size.area * header.channels * (1 if header.bits == 8 else 2)
    if header.format == "AVIF":
        factor = _AVIF if header.bits == 8 else _AVIF_DEEP
        return factor * header.coded_pixels + given
    if header.format in ("GIF", "WebP"):
        factor = _GIF if header.format == "GIF" else _WEBP
        return (factor + header.channels) * header.coded_pixels + _canvas(header)
    return _COPIES * given + header.coefficient_bytes


def _canvas(header: PictureHeader) -> int:
    """Bytes of the canvas under a frame that does not cover it."""
    covered = header.coded_pixels == header.size.area
    return 0 if covered else header.size.area * header.channels


def reduction(header: PictureHeader, contract: PictureContract, part: Size | None = None) -> int:
    """Give the largest of 8, 4, 2 and 1 that leaves a JPEG no smaller than its target.

    Args:
        header: the picture's.
        contract: says the target.
        part: size of the part of the stored picture that is wanted; by default all of it.
    """
    wanted = header.size if part is None else part
    target = target_size(wanted.turned(header.orientation), contract)
    needed = target.turned(header.orientation)
    for factor in REDUCTIONS:
        size = reduced_size(wanted, factor)
        if size.width >= needed.width and size.height >= needed.height:
            return factor
    return 1


def reduced_size(size: Size, factor: int) -> Size:
    """Give libjpeg's size at 1/``factor``: each side divided, rounded up."""
    return Size(-(-size.width // factor), -(-size.height // factor))
