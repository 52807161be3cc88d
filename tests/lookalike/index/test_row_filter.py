"""A filter says the same of a picture by itself as of the columns that it lies in."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings

from lookalike.index import PictureRow, filter_of
from lookalike.index.attributes import packed
from lookalike.index.row_filter import row_test
from tests.lookalike.index.attribute_files import Held, attributes_of
from tests.lookalike.index.test_attributes import filters, names, rows_of_a_segment

ANY_NAME = ["price", "label", "colour", "é"]


@given(rows=rows_of_a_segment, json=filters)
@settings(max_examples=150, deadline=None)
def test_pictures_match_one_by_one_as_they_do_in_columns(
    rows: list[Held], json: dict[str, Any]
) -> None:
    wanted = filter_of(json)
    with tempfile.TemporaryDirectory() as folder:
        attributes = attributes_of(Path(folder), [rows])
        expected = attributes.matching(wanted, ANY_NAME)
        test = row_test(wanted, label_is_attribute=attributes.has_label_attribute)
    pictures = [PictureRow("x", "file:///x", label, b"", dict(held)) for label, held in rows]
    matched = np.array([test(picture) for picture in pictures], bool)
    assert (packed([matched], len(rows)) == expected).all()


def test_every_name_that_is_drawn_may_be_asked_for() -> None:
    assert set(ANY_NAME) == set(names.elements)  # type: ignore[attr-defined]
