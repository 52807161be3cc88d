"""A cut-off or damaged file gives a PictureError, wherever it is cut; never another error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import PictureError, TruncatedPicture
from lookalike.picture import Format, PictureContract, read_picture
from torture import files
from torture.files.parts import parts_of
from torture.files.samples import samples

CONTRACT = PictureContract(size=32)
PICTURES = samples()


def ends(data: bytes) -> None:
    """Hold that reading gives the contract's array or a PictureError."""
    try:
        shape = read_picture(data, CONTRACT).shape
    except PictureError:
        return
    assert shape == (32, 32, 3)


@pytest.mark.parametrize("name", PICTURES)
def test_no_prefix_of_a_picture_is_a_picture(name: str) -> None:
    data = PICTURES[name]
    lengths = {*range(64), *range(64, len(data), max(1, len(data) // 150)), len(data) - 1}
    if name == "GIF":
        lengths.discard(len(data) - 1)  # only the trailer is missing
    for length in lengths:
        with pytest.raises(PictureError):
            read_picture(data[:length], CONTRACT)


@pytest.mark.parametrize("name", PICTURES)
def test_half_a_picture_is_truncated(name: str) -> None:
    with pytest.raises(TruncatedPicture):
        read_picture(PICTURES[name][: len(PICTURES[name]) // 2], CONTRACT)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_cut_at_one_of_its_parts_is_truncated(name: str) -> None:
    data = PICTURES[name]
    parts = parts_of(name, data)
    assert parts
    for part in parts:
        for cut in (part, part + 1):
            with pytest.raises(TruncatedPicture):
                read_picture(data[:cut], CONTRACT)


def test_an_absurd_chunk_length_is_truncated() -> None:
    data = PICTURES["PNG"]
    longer = data[:33] + b"\x7f\xff\xff\xffaaAa" + data[33:]
    with pytest.raises(TruncatedPicture):
        read_picture(longer, CONTRACT)


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(sorted(PICTURES)),
    edits=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(0, 1 << 20) | st.none(),
)
def test_changed_bytes_end_in_pixels_or_a_picture_error(
    name: str, edits: list[tuple[int, int]], cut: int | None
) -> None:
    data = bytearray(PICTURES[name])
    for place, value in edits:
        data[place % len(data)] = value
    ends(bytes(data[: cut % len(data)] if cut is not None else data))


@settings(max_examples=200, deadline=None)
@given(
    head=st.sampled_from(
        [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\xff\0\0\0WEBPVP8X", b""]
    ),
    body=st.binary(max_size=200),
)
def test_any_bytes_end_in_pixels_or_a_picture_error(head: bytes, body: bytes) -> None:
    ends(head + body)


@pytest.mark.parametrize("name", files.EXTENSIONS)
def test_each_format_is_among_the_pictures(name: Format) -> None:
    assert any(name in variant for variant in PICTURES)
