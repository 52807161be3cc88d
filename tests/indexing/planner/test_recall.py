"""The law of misses, on numbers whose law is known, and recall on an index that is exact."""

import faiss
import pytest

from indexing.planner import samples
from indexing.planner.recall import misses_law, recall_of


def test_a_power_law_is_found_again() -> None:
    efforts = [1, 2, 4, 8, 16]
    law = misses_law(efforts, [1 - 0.4 * effort**-1.3 for effort in efforts])
    assert law is not None
    assert (law.at_one, law.power) == (pytest.approx(0.4), pytest.approx(1.3))


@pytest.mark.parametrize("recalls", [[1.0, 1.0, 1.0], [0.9, 1.0, 1.0], [0.9, 0.8, 0.7]])
def test_no_law_is_made_up(recalls: list[float]) -> None:
    assert misses_law([1, 2, 4], recalls) is None


def test_exact_search_recalls_everything() -> None:
    drawn = samples.features(500, 16)
    index = faiss.index_factory(16, "Flat")
    index.add(drawn[:400])
    assert recall_of(index, drawn[:400], drawn[400:], 10) == 1.0
