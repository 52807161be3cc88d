"""Bits of rows: packed as faiss' selectors read them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.index import SearchParameters
from lookalike.index.effort import FEW_ROWS, widened, worth_comparing_all
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


def test_a_thin_selection_is_searched_for_more_widely() -> None:
    given = SearchParameters(nprobe=20, k_factor=6)
    assert widened(given, 100, 100) == given
    assert widened(given, 90, 100) == SearchParameters(nprobe=23, k_factor=6)
    assert widened(SearchParameters(ef_search=40), 1, 2) == SearchParameters(ef_search=80)


def test_few_selected_rows_are_compared_one_by_one() -> None:
    assert worth_comparing_all(FEW_ROWS, 10**6, graph=False)
    assert worth_comparing_all(10_000, 10**6, graph=False)
    assert not worth_comparing_all(30_000, 10**6, graph=False)
    assert worth_comparing_all(30_000, 10**6, graph=True)
    assert not worth_comparing_all(500_000, 10**6, graph=True)
