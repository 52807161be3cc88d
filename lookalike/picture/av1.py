"""The coded size in an AV1 bitstream (AV1 specification, 5.3 to 5.9), up to the colours.

The decoder allocates what the bitstream says, not what the AVIF around it says, so the
memory estimate has to look here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lookalike.picture.cursor import corrupt, take
from lookalike.picture.header import Size

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6
_KEY_FRAME, _SWITCH_FRAME = 0, 3
_LONGEST = 1024  # bytes of a header; 32 operating points take less than 400
_MOST_UNITS = 256  # a still picture has about three
_SELECT = 2  # "the frame header says"


@dataclass(frozen=True)
class _Sequence:
    """What a sequence header says that a frame's size depends on.

    Attributes:
        size: of a frame that does not override it.
        largest: what a frame can override it with: as many bits, all set.
        reduced: frame headers are left out (a still picture).
        time_bits: of a shown frame's presentation time.
        screen_tools: for screen content: 0, 1 or ``_SELECT``.
        integer_motion: motion vectors are whole: 0, 1 or ``_SELECT``.
        id_bits: of a frame's number.
    """

    size: Size
    largest: Size
    reduced: bool = True
    time_bits: int = 0
    screen_tools: int = 0
    integer_motion: int = 0
    id_bits: int = 0


def coded_size(stream: bytes) -> Size:
    """Give a size that no frame of ``stream`` exceeds.

    Raises:
        CorruptPicture: there is no sequence header, or units that make no sense.
        TruncatedPicture: a unit is longer than the stream.
    """
    sequence, sizes = None, list[Size]()
    for kind, body in _units(stream):
        if kind == _SEQUENCE_HEADER:
            sequence = _read_sequence(_Bits(body))
            sizes.append(sequence.size)
        elif kind in (_FRAME_HEADER, _FRAME) and sequence is not None and not sequence.reduced:
            sizes.append(_frame_size(_Bits(body), sequence))
    if not sizes:
        raise corrupt("AVIF", "its bitstream has no sequence header")
    return Size(max(size.width for size in sizes), max(size.height for size in sizes))


def _units(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the type and the beginning of each open bitstream unit (OBU)."""
    position = 0
    for _ in range(_MOST_UNITS):
        if position >= len(stream):
            return
        head = stream[position]
        position += 2 if head & 4 else 1  # an extension byte follows
        length = len(stream) - position
        if head & 2:
            length, position = _leb128(stream, position)
        take(stream, position + length, 0, "AVIF")
        yield head >> 3 & 15, stream[position : position + min(length, _LONGEST)]
        position += length
    raise corrupt("AVIF", f"its bitstream has more than {_MOST_UNITS} units")


def _leb128(stream: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 56, 7):
        (byte,) = take(stream, position, 1, "AVIF")
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise corrupt("AVIF", "a length in its bitstream has no end")


class _Bits:
    """Reads bits, highest first; what lies past the end makes the stream corrupt."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data), 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise corrupt("AVIF", "a header in its bitstream is cut off")
        return self._value >> self._left & (1 << count) - 1


def _read_sequence(bits: _Bits) -> _Sequence:
    """Read ``sequence_header_obu`` (5.5.1) up to its colours."""
    bits.read(4)  # seq_profile, still_picture
    reduced = bool(bits.read(1))
    time_bits = 0
    if reduced:
        bits.read(5)  # seq_level_idx
    else:
        time_bits = _skip_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    size = Size(bits.read(width_bits) + 1, bits.read(height_bits) + 1)
    if reduced:
        return _Sequence(size, size)
    id_bits = bits.read(4) + bits.read(3) + 3 if bits.read(1) else 0
    bits.read(7)  # superblocks, intra and inter tools
    if bits.read(1):  # enable_order_hint
        bits.read(2)
    tools = _SELECT if bits.read(1) else bits.read(1)
    motion = _SELECT if not tools or bits.read(1) else bits.read(1)
    largest = Size(1 << width_bits, 1 << height_bits)
    return _Sequence(size, largest, False, time_bits, tools, motion, id_bits)


def _skip_operating_points(bits: _Bits) -> int:
    """Skip to the size; give the bits of a shown frame's presentation time."""
    delay_bits, time_bits = _read_timing(bits) if bits.read(1) else (0, 0)
    display_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)  # operating_point_idc
        if bits.read(5) > 7:  # seq_level_idx
            bits.read(1)  # seq_tier
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if display_delay and bits.read(1):
            bits.read(4)
    return time_bits


def _read_timing(bits: _Bits) -> tuple[int, int]:
    """Read ``timing_info`` and ``decoder_model_info``: the bits of a delay and of a time."""
    bits.read(64)
    equal_intervals = bits.read(1)
    if equal_intervals:  # uvlc()
        zeros = 0
        while not bits.read(1):
            zeros += 1
        bits.read(zeros)
    if not bits.read(1):
        return 0, 0
    delay_bits = bits.read(5) + 1
    bits.read(32 + 5)
    time_bits = bits.read(5) + 1
    return delay_bits, 0 if equal_intervals else time_bits


def _frame_size(bits: _Bits, sequence: _Sequence) -> Size:
    """Read ``uncompressed_header`` (5.9.2) up to ``frame_size_override_flag``."""
    if bits.read(1):  # show_existing_frame
        return sequence.size
    kind, shown = bits.read(2), bits.read(1)
    bits.read(sequence.time_bits if shown else 1)
    if kind == _SWITCH_FRAME:
        return sequence.largest
    if kind != _KEY_FRAME or not shown:
        bits.read(1)  # error_resilient_mode
    bits.read(1)  # disable_cdf_update
    tools = bits.read(1) if sequence.screen_tools == _SELECT else sequence.screen_tools
    if tools and sequence.integer_motion == _SELECT:
        bits.read(1)
    bits.read(sequence.id_bits)
    return sequence.largest if bits.read(1) else sequence.size
