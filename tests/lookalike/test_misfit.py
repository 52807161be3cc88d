"""What does not fit is told without Python's names."""

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from lookalike.misfit import Misfit, misfit


class Given(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, Meta(ge=1)] | None = 1
    number: int | float | None = None
    names: Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(max_length=2)] = []
    share: Annotated[float, Meta(ge=0, le=1)] = 1
    name: Annotated[str, Meta(pattern=r"^[a-z]+\Z")] = "x"
    data: bytes = b""


@pytest.mark.parametrize(
    ("json", "told"),
    [
        ('{"count": 0}', Misfit("count", "has to be a whole number, 1 or more", "count")),
        ('{"count": "x"}', Misfit("count", "has to be a whole number", "count")),
        ('{"number": "x"}', Misfit("number", "has to be a number", "number")),
        ('{"names": 1}', Misfit("names", "has to be a list", "names")),
        (
            '{"names": ["a", "b", "c"]}',
            Misfit("names", "has to be a list, of length 2 or less", "names"),
        ),
        (
            '{"names": ["a", ""]}',
            Misfit("names", "has to be text, of length 1 or more", "names[1]"),
        ),
        ('{"share": 1.5}', Misfit("share", "has to be a number, 1 or less", "share")),
        ('{"name": "A"}', Misfit("name", "has to be of the form [a-z]+", "name")),
        ('{"data": "!"}', Misfit("data", "is not base64", "data")),
        ('{"other": 1}', Misfit("", "takes no 'other'", "")),
        ("[]", Misfit("", "has to be an object", "")),
    ],
)
def test_it_is_told_in_words_and_where(json: str, told: Misfit) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode(json, type=Given)
    assert misfit(raised.value) == told
