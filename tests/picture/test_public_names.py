"""The room's door: sorted, complete, and one default for the memory limit."""

import lookalike.picture
from lookalike.picture import MAX_DECODED_BYTES
from lookalike.settings import Settings


def test_the_public_names_are_sorted_and_there() -> None:
    names = lookalike.picture.__all__
    assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert all(hasattr(lookalike.picture, name) for name in names)


def test_the_default_limit_is_the_setting_s() -> None:
    assert Settings().max_decoded_bytes == MAX_DECODED_BYTES
