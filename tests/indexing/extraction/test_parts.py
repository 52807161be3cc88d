import pytest

from indexing.extraction.parts import Part
from lookalike.errors import ConfigurationError
from tests.indexing.extraction.test_extract import ODD_IDS


@pytest.mark.parametrize("of", [1, 2, 3, 7, 64])
def test_every_picture_is_in_exactly_one_part(of: int) -> None:
    parts = [Part(number, of) for number in range(of)]
    for name in [*ODD_IDS, *(f"picture-{number}.jpg" for number in range(500))]:
        assert sum(part.has(name) for part in parts) == 1


def test_parts_are_about_equal() -> None:
    sizes = [sum(Part(number, 4).has(f"p{name}") for name in range(4000)) for number in range(4)]
    assert min(sizes) > 900


def test_the_division_is_the_same_on_every_machine() -> None:
    assert [number for number in range(40) if Part(1, 4).has(f"picture-{number}")] == [
        *(8, 13, 19, 21, 31)
    ]


@pytest.mark.parametrize(("number", "of"), [(2, 2), (-1, 2), (0, 0)])
def test_a_part_that_cannot_be_is_refused(number: int, of: int) -> None:
    with pytest.raises(ConfigurationError):
        Part(number, of)
