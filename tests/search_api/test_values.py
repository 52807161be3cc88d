"""JSON that is small to send and large to hold is refused before any of it is built."""

import json
import tracemalloc

import pytest

from lookalike.errors import InvalidParameter
from search_api.parameters import MAX_BATCH, MAX_DIMENSIONS, JsonUpload
from search_api.query import (
    MOST_VALUES,
    MOST_VALUES_OF_BATCH,
    decode,
    decode_batch,
    decode_query,
)

MANY = 1_000_000
MEGABYTE = 1 << 20
BOMBS = {
    "lists": b'{"x":[' + b"[]," * MANY + b"[]]}",
    "objects": b'{"x":[' + b"{}," * MANY + b"{}]}",
    "vector": b'{"vector":[' + b"0," * MANY + b"0]}",
    "in": b'{"id":"a","filter":{"attribute":"a","in":[' + b"0," * MANY + b"0]}}",
    "and": b'{"id":"a","filter":{"and":[' + b"{}," * MANY + b"{}]}}",
    "members": b"{" + b",".join(b'"%d":0' % n for n in range(MANY)) + b"}",
    "queries": b'{"queries":[' + b"{}," * MANY + b"{}]}",
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize(
    "read", [decode_query, decode_batch, lambda data: decode(data, JsonUpload)]
)
def test_what_has_very_many_values_is_refused_and_never_held(bomb: str, read: object) -> None:
    assert callable(read)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidParameter, match="values"):
            read(BOMBS[bomb])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTE


def test_what_anybody_needs_is_read() -> None:
    longest = json.dumps(
        {"vector": [0.5] * MAX_DIMENSIONS, "filter": {"attribute": "a", "in": [*range(1000)]}}
    )
    assert longest.count(",") < MOST_VALUES
    decode_query(longest.encode())
    queries = [{"vector": [0.5] * 4096, "k": 5}] * MAX_BATCH
    batch = json.dumps({"queries": queries})
    assert batch.count(",") < MOST_VALUES_OF_BATCH
    assert len(decode_batch(batch.encode())) == MAX_BATCH


def test_a_picture_may_be_large_and_has_no_commas() -> None:
    query = decode_query(b'{"k":5.0,"image":{"b64":"' + b"A" * 8 * MEGABYTE + b'"}}')
    assert query.parameters.k == 5
