"""The coded size in an AV1 bitstream (AV1 specification, 5.3 to 5.5), up to the colours.

The decoder allocates what the bitstream says, not what the AVIF around it says, so the
memory estimate has to look here.
"""

from lookalike.picture.cursor import corrupt, counted, take
from lookalike.picture.header import Size

_SEQUENCE_HEADER = 1
_LONGEST = 1024  # bytes of a sequence header; 32 operating points take less than 400


def coded_size(stream: bytes) -> Size:
    """Give the largest size that the sequence headers of ``stream`` allow.

    Raises:
        CorruptPicture: there is no sequence header, or units that make no sense.
        TruncatedPicture: a unit is longer than the stream.
    """
    sizes = [_sequence_size(body) for body in _sequence_headers(stream)]
    if not sizes:
        raise corrupt("AVIF", "its bitstream has no sequence header")
    return Size(max(size.width for size in sizes), max(size.height for size in sizes))


def _sequence_headers(stream: bytes) -> list[bytes]:
    found, position = [], 0
    for _ in counted("AVIF"):
        if position >= len(stream):
            break
        head = stream[position]
        position += 2 if head & 4 else 1  # an extension byte follows
        length = len(stream) - position
        if head & 2:
            length, position = _leb128(stream, position)
        body = take(stream, position, length, "AVIF")
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            found.append(body)
        position += length
    return found


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
        self._value, self._left = int.from_bytes(data[:_LONGEST]), 8 * len(data[:_LONGEST])

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise corrupt("AVIF", "its sequence header is cut off")
        return self._value >> self._left & (1 << count) - 1


def _sequence_size(body: bytes) -> Size:
    """Read ``sequence_header_obu`` as far as its maximum size.

    With a reduced header every frame has that size. Any other frame may override it by
    as many bits as the maximum has, so there the size that fits those bits counts.
    """
    bits = _Bits(body)
    bits.read(4)  # seq_profile, still_picture
    reduced = bits.read(1)
    if reduced:
        bits.read(5)  # seq_level_idx
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    size = Size(bits.read(width_bits) + 1, bits.read(height_bits) + 1)
    return size if reduced else Size(1 << width_bits, 1 << height_bits)


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = _skip_timing(bits) if bits.read(1) else 0
    display_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)  # operating_point_idc
        if bits.read(5) > 7:  # seq_level_idx
            bits.read(1)  # seq_tier
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if display_delay and bits.read(1):
            bits.read(4)


def _skip_timing(bits: _Bits) -> int:
    """Skip ``timing_info`` and ``decoder_model_info``; give the bits of a buffer delay, or 0."""
    bits.read(64)
    if bits.read(1):  # equal_picture_interval, then uvlc()
        zeros = 0
        while not bits.read(1):
            zeros += 1
        bits.read(zeros)
    if not bits.read(1):
        return 0
    delay_bits = bits.read(5) + 1
    bits.read(42)
    return delay_bits
