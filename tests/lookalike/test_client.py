"""The Python client against a service that answers what a test says."""

from typing import Any

import numpy as np
import pytest

from lookalike.client import Client

NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "number", [float("nan"), float("-inf"), np.float32("inf"), np.float64("nan")]
)
def test_numbers_that_json_cannot_tell_are_refused(number: Any) -> None:
    """As null they would have another meaning: no limit, or no value."""
    client = Client(NOBODY)
    with pytest.raises(ValueError, match="no number that JSON can tell"):
        client.search(id="a", min_score=number)
    with pytest.raises(ValueError, match="no number that JSON can tell"):
        client.search_batch([{"id": "a", "filter": {"attribute": "price", "in": (1, number)}}])
    with pytest.raises(ValueError, match="no number that JSON can tell"):
        client.put("a", b"", attributes={"price": number})
