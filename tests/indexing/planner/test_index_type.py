"""Costs by index type: every type that a build may choose is known, and its size is real."""

from pathlib import Path

import faiss
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.factory import choose
from indexing.planner import samples
from indexing.planner.figures import DEFAULTS, Basis
from indexing.planner.index_type import effort, read_factory, search_seconds
from lookalike.errors import ConfigurationError

VECTORS = st.integers(1, 10**9)
DIMENSIONS = st.integers(2, 2048)
BUDGETS = st.one_of(st.none(), st.integers(0, 10**13))


@given(VECTORS, DIMENSIONS, BUDGETS)
def test_every_type_that_is_chosen_is_known(
    vectors: int, dimensions: int, budget: int | None
) -> None:
    of = read_factory(choose(vectors, dimensions, budget).factory, dimensions)
    assert of.vector_bytes > 0
    basis = Basis(DEFAULTS)
    assert search_seconds(of, vectors, 1, effort(of, 0.98, basis), basis) > 0


@pytest.mark.parametrize(
    "factory", ["Flat", "HNSW32", "IVF64,PQ64x4fs,Refine(SQfp16)", "IVF64,PQ64x4fs,Refine(SQ8)"]
)
def test_its_size_is_that_of_faiss_own_file(factory: str, tmp_path: Path) -> None:
    vectors = samples.features(20_000, 128)
    index = faiss.index_factory(128, factory)
    index.train(vectors[:4000])
    index.add(vectors)
    faiss.write_index(index, str(tmp_path / "index"))
    of = read_factory(factory, 128)
    expected = of.fixed_bytes + len(vectors) * of.vector_bytes
    # Codebooks and the last, half-filled block of each list come on top.
    assert (tmp_path / "index").stat().st_size == pytest.approx(expected, rel=0.06)


def test_a_type_that_no_build_chooses_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="IVF100,Flat4"):
        read_factory("IVF100,Flat4", 128)
