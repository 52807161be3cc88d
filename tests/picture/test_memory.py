"""The estimate from the header is an upper bound on the memory that decoding takes."""

from pathlib import Path

import pytest

from bench.picture_contract import peak_bytes
from bench.picture_files import writers
from lookalike.picture import PictureContract, decoded_bytes, inspect_picture

SIDE = 1400
EVERY_DECODER = 12_000_000  # work areas and strips that do not grow with the picture
WRITERS = writers(SIDE)


@pytest.mark.parametrize("name", WRITERS)
def test_decoding_takes_no_more_than_the_estimate(name: str, tmp_path: Path) -> None:
    """Copies of the file come on top: one of ours, and two of libwebp's."""
    path, data = tmp_path / "picture", WRITERS[name]()
    path.write_bytes(data)
    peak, estimate = peak_bytes(path), decoded_bytes(inspect_picture(data), PictureContract())
    assert peak <= estimate + 3 * len(data) + EVERY_DECODER
    assert estimate <= 1.5 * peak + EVERY_DECODER
