from hypothesis import given
from hypothesis import strategies as st

from lookalike.index.recent import Recent


def test_what_is_used_again_stays() -> None:
    recent: Recent[int, str] = Recent(4)
    recent.put(0, "kept")
    for number in range(1, 100):
        recent.put(number, str(number))
        assert recent.get(0) == "kept"


def test_what_nobody_uses_goes() -> None:
    recent: Recent[int, str] = Recent(4)
    for number in range(9):
        recent.put(number, str(number))
    assert recent.get(0) is None
    assert recent.get(8) == "8"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=200))
def test_never_more_than_two_generations_and_never_another_value(
    steps: list[tuple[bool, int]],
) -> None:
    recent: Recent[int, str] = Recent(3)
    for write, key in steps:
        if write:
            recent.put(key, str(key))
        assert recent.get(key) in (None, str(key))
        assert len(recent._young) <= 3
        assert len(recent._old) <= 3
