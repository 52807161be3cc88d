"""Bits of rows: packed as faiss' selectors read them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.index.selection import Selection, bits_of, complement


@given(size=st.integers(1, 70), data=st.data())
def test_bits_name_rows_and_their_complement_the_others(size: int, data: st.DataObject) -> None:
    rows = data.draw(st.sets(st.integers(0, size - 1)))
    bits = bits_of(rows, size)
    unpacked = np.unpackbits(bits, bitorder="little")
    assert set(np.flatnonzero(unpacked)) == rows
    others = np.unpackbits(complement(bits, size), bitorder="little")
    assert set(np.flatnonzero(others)) == set(range(size)) - rows
    assert Selection(bits, size).count == len(rows)


@given(size=st.integers(1, 70), data=st.data())
def test_a_part_counts_from_its_own_first_row(size: int, data: st.DataObject) -> None:
    rows = data.draw(st.sets(st.integers(0, size - 1)))
    start = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(start + 1, size))
    part = Selection(bits_of(rows, size), size).part(start, stop)
    assert (
        part.bits == bits_of({row - start for row in rows if start <= row < stop}, part.size)
    ).all()
    assert part.size == stop - start


@given(size=st.integers(1, 200), data=st.data())
def test_a_selection_numbers_its_rows(size: int, data: st.DataObject) -> None:
    rows = data.draw(st.sets(st.integers(0, size - 1)))
    assert Selection(bits_of(rows, size), size).rows.tolist() == sorted(rows)


def test_a_part_is_made_once() -> None:
    selection = Selection(bits_of([1, 9], 20), 20)
    assert selection.part(3, 20) is selection.part(3, 20)


def test_bits_of_another_number_of_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="17 rows"):
        Selection(bits_of([1], 16), 17)
