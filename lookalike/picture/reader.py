"""The public functions: look at a picture's header, and read the picture.

This is the one way by which untrusted bytes become pixels. Limits are checked from the
header, before any decoder runs.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from lookalike.errors import PictureTooLarge
from lookalike.picture.avif import parse_avif
from lookalike.picture.bmp import parse_bmp
from lookalike.picture.contract import PictureContract
from lookalike.picture.crop import Box, Edges, region_of
from lookalike.picture.fit import centred, resized, target_size
from lookalike.picture.gif import parse_gif
from lookalike.picture.header import Format, ParsedPicture, PictureHeader, Size
from lookalike.picture.jpeg import parse_jpeg
from lookalike.picture.memory import decoded_bytes, reduction
from lookalike.picture.orientation import upright
from lookalike.picture.pixels import decode
from lookalike.picture.png import parse_png
from lookalike.picture.signature import sniff
from lookalike.picture.webp import parse_webp

MAX_DECODED_BYTES = 256_000_000

_PARSERS: dict[Format, Callable[[bytes], ParsedPicture]] = {
    "AVIF": parse_avif,
    "BMP": parse_bmp,
    "GIF": parse_gif,
    "JPEG": parse_jpeg,
    "PNG": parse_png,
    "WebP": parse_webp,
}


def inspect_picture(data: bytes) -> PictureHeader:
    """Read a picture's header and see that its container is whole; no pixel is decoded.

    Raises:
        PictureError: any of its kinds but PictureTooLarge for memory: compare
            ``header.decoded_bytes(contract)`` with a limit for that.
    """
    return _PARSERS[sniff(data)](data).header


def read_picture(
    data: bytes,
    contract: PictureContract,
    *,
    max_decoded_bytes: int = MAX_DECODED_BYTES,
    box: Box | None = None,
    out: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.uint8]:
    """Turn the bytes of a picture file into the square that the model sees.

    Args:
        data: a whole JPEG, PNG, WebP, AVIF, BMP or GIF, told by its signature.
        contract: the model's; says the side S and how a picture is fitted into it.
        max_decoded_bytes: the most memory that decoding may take, estimated from the header.
        box: the part that is wanted, which then is treated as a picture of its own.
        out: where to write the pixels, such as shared memory; by default a new array.

    Returns:
        ``uint8[S, S, 3]``, RGB, C-contiguous: upright, on white, the same for the same
        bytes in every process. Where there is an ``out``, it is that.

    Raises:
        PictureError: the bytes are empty, no picture, of a format that is not read,
            without area, too large, cut off or damaged; or the box is not inside it.
    """
    return centred(_fitted(data, contract, max_decoded_bytes, box), contract.size, out)


def check_memory(data: bytes, contract: PictureContract, max_decoded_bytes: int) -> None:
    """See by its header alone whether :func:`read_picture` would take too much memory.

    Raises:
        PictureTooLarge: it would.
        PictureError: the bytes are no usable picture, as far as the header tells.
    """
    header = inspect_picture(data)
    _check_memory(header, contract, header.size, max_decoded_bytes)


def square_of(data: bytes, contract: PictureContract, box: Box | None = None) -> Edges:
    """Tell where the square that the model sees lies on a picture, from its header alone.

    Args:
        data: as of :func:`read_picture`.
        contract: likewise.
        box: the part that is wanted; the answer is in fractions of that part.

    Returns:
        The square's edges; they lie outside of 0 to 1 where it has white margins.
    """
    header = inspect_picture(data)
    upright_size = region_of(header, box).size.turned(header.orientation)
    target, side = target_size(upright_size, contract), contract.size
    left, top = (side - target.width) // 2, (side - target.height) // 2
    return Edges(
        left=-left / target.width,
        top=-top / target.height,
        right=(side - left) / target.width,
        bottom=(side - top) / target.height,
    )


def read_thumbnail(
    data: bytes, side: int, *, max_decoded_bytes: int = MAX_DECODED_BYTES
) -> npt.NDArray[np.uint8]:
    """Read a picture for people: ``uint8[h, w, 3]`` RGB, upright, on white, its longer side given.

    A smaller picture is enlarged. Errors as :func:`read_picture`.
    """
    return _fitted(data, PictureContract(size=side, fit="pad"), max_decoded_bytes, None)


def _fitted(
    data: bytes, contract: PictureContract, max_decoded_bytes: int, box: Box | None
) -> npt.NDArray[np.uint8]:
    """Read a picture as large as it is to be within the square."""
    parsed = _PARSERS[sniff(data)](data)
    header = parsed.header
    region = region_of(header, box)
    _check_memory(header, contract, region.size, max_decoded_bytes)
    if parsed.check is not None:
        parsed.check()
    scale = reduction(header, contract, region.size) if header.format == "JPEG" else 1
    pixels = region.reduced(scale).of(decode(parsed, scale))
    target = target_size(region.size.turned(header.orientation), contract)
    small = _rgb(resized(pixels, target.turned(header.orientation)))
    return upright(small, header.orientation)


def _check_memory(header: PictureHeader, contract: PictureContract, part: Size, limit: int) -> None:
    estimate = decoded_bytes(header, contract, part)
    if estimate > limit:
        raise PictureTooLarge(
            f"The {header.format} of {header.width} by {header.height} pixels would take "
            f"{estimate:,} bytes to decode, and the limit is {limit:,}: send a smaller "
            "picture, or raise LOOKALIKE_MAX_DECODED_BYTES."
        )


def _rgb(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Turn grey, BGR or BGR and unused into RGB."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    conversion = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}[channels]
    return cv2.cvtColor(pixels, conversion).astype(np.uint8, copy=False)
