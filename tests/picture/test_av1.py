"""The coded size is read from the bitstream: of the sequence, and of frames that override it."""

import cv2
import numpy as np
import pytest

from lookalike.errors import CorruptPicture, TruncatedPicture
from lookalike.picture import inspect_picture
from lookalike.picture.av1 import coded_size
from lookalike.picture.header import Size
from torture import files

SMALL = "010001001111001110"  # five bits each: 31 by 15
TOOLS = "000000000"  # no frame numbers; no tools; no order hint
# profile, still, not reduced, no timing, no display delay, one operating point of level 0
PLAIN = "000000000000" + "0" * 12 + "00000"
# with equal_picture_interval 0, a decoder model whose times have 6 bits, and none for the point
TIMED = (
    "000001" + "0" * 64 + "0100011" + "0" * 37 + "00101"
    "000000" + "0" * 12 + "0100001" + "0" * 9
)  # fmt: skip


def unit(kind: int, bits: str) -> bytes:
    """One OBU with its size."""
    bits += "1" + "0" * (-(len(bits) + 1) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8)
    return bytes((kind << 3 | 2, len(body))) + body


@pytest.mark.parametrize("kind", [3, 6])
@pytest.mark.parametrize(
    ("sequence", "frame"),
    [
        # shown key frame; cdf update; the override flag is the last bit
        (PLAIN + SMALL + TOOLS + "00", "00010"),
        # screen tools and integer motion selected by the frame
        (PLAIN + SMALL + TOOLS + "11", "0001010"),
        (PLAIN + SMALL + TOOLS + "11", "000100"),
        # a hidden inter frame: showable, error resilience
        (PLAIN + SMALL + TOOLS + "00", "0010100"),
        # frame numbers of 5 bits, and order hints
        (PLAIN + SMALL + "10001001000000010000", "0001010101"),
        (TIMED + SMALL + TOOLS + "00", "00011111110"),
    ],
)  # fmt: skip
def test_a_frame_may_override_the_size_up_to_its_bits(kind: int, sequence: str, frame: str) -> None:
    stream = unit(1, sequence)
    assert coded_size(stream + unit(kind, frame + "0" + "1" * 9)) == Size(31, 15)
    assert coded_size(stream + unit(kind, frame + "1" + "0" * 9)) == Size(32, 32)


def test_a_reduced_header_leaves_nothing_to_override() -> None:
    stream = unit(1, "0001100000" + SMALL)  # fmt: skip
    assert coded_size(stream + unit(6, "1" * 40)) == Size(31, 15)


def test_the_largest_of_several_sequences_counts() -> None:
    small = unit(1, "0001100000" + SMALL)  # fmt: skip
    large = unit(1, "000110000011110000" + "1" * 16 + "0")  # fmt: skip
    assert coded_size(small + large) == Size(65536, 15)


def test_a_film_s_first_frame_counts_by_its_own_size() -> None:
    animation = cv2.Animation()
    animation.frames = [np.full((66, 130, 3), grey, np.uint8) for grey in (0, 255)]
    animation.durations = [100, 100]
    done, data = cv2.imencodeanimation(".avif", animation, (cv2.IMWRITE_AVIF_SPEED, 9))
    assert done
    assert inspect_picture(data.tobytes()).coded_pixels == 66 * 130


def test_a_stream_without_a_sequence_header_is_corrupt() -> None:
    with pytest.raises(CorruptPicture, match="sequence header"):
        coded_size(unit(6, "0" * 40))
    with pytest.raises(CorruptPicture, match="cut off"):
        coded_size(b"\x0a\x01\0")
    with pytest.raises(CorruptPicture, match="no end"):
        coded_size(b"\x0a" + b"\xff" * 9)


def test_a_unit_past_the_end_is_truncated() -> None:
    with pytest.raises(TruncatedPicture):
        coded_size(b"\x0a\x7f\0")


def test_stills_of_opencv_are_counted_exactly() -> None:
    data = files.encode(np.zeros((66, 130, 4), np.uint8), "AVIF")
    assert inspect_picture(data).coded_pixels == 2 * 66 * 130
