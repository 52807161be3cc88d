import hashlib
from multiprocessing import get_context
from multiprocessing.connection import Connection

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexing.extraction.known import KnownDigests, as_digests, sort_digests

# Digests with zero bytes at their ends are the ones that NumPy's strings might mistake.
DIGEST = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 300).map(lambda number: number.to_bytes(2, "big") + bytes(30)),
)


@settings(deadline=None)
@given(st.lists(st.lists(DIGEST, max_size=30), max_size=5), st.lists(DIGEST, min_size=1))
def test_it_knows_exactly_what_it_was_given(there: list[list[bytes]], asked: list[bytes]) -> None:
    known = sort_digests(as_digests(chunk) for chunk in there)
    everything = {digest for chunk in there for digest in chunk}
    asked += sorted(everything)[:3]
    expected = [digest in everything for digest in asked]
    assert [digest in known for digest in asked] == expected
    assert known.contain(as_digests(asked)).tolist() == expected
    known.close()


def test_many_chunks_are_sorted() -> None:
    digests = [hashlib.sha256(str(number).encode()).digest() for number in range(50_000)]
    known = sort_digests(
        as_digests(digests[start : start + 999]) for start in range(0, 50_000, 999)
    )
    assert len(known) == 50_000
    assert known.contain(as_digests(digests)).all()
    assert not known.contain(as_digests([hashlib.sha256(b"x").digest()])).any()
    known.close()


def ask(connection: Connection, known: KnownDigests) -> None:
    connection.send([digest in known for digest in connection.recv()])


@pytest.mark.parametrize("count", [0, 100])
def test_another_process_sees_the_same(count: int) -> None:
    digests = [hashlib.sha256(str(number).encode()).digest() for number in range(count + 1)]
    known = sort_digests([as_digests(digests[:count])])
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=ask, args=(theirs, known))
    process.start()
    ours.send(digests)
    assert ours.recv() == [True] * count + [False]
    process.join()
    known.close()


def test_looking_up_none_finds_none() -> None:
    known = sort_digests([as_digests([bytes(32)])])
    assert known.contain(as_digests([])).shape == (0,)
    assert np.array_equal(sort_digests([]).contain(as_digests([bytes(32)])), [False])
