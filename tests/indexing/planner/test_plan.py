"""What must be true of every plan, whatever is asked for."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.factory import choose
from indexing.planner.figures import DEFAULTS
from indexing.planner.index_type import read_factory
from indexing.planner.plan import Plan, Request, plan

PICTURES = st.integers(1, 500_000_000)
RECALL = st.floats(0.5, 1.0)
RATE = st.floats(0.1, 100_000)
P95 = st.floats(26, 1000)


def planned(**asked: object) -> Plan:
    return plan(msgspec.convert(asked, Request), DEFAULTS)


def kind(made: Plan) -> str:
    return read_factory(made.factory, made.request.dimensions).kind


def needs(made: Plan) -> tuple[float, ...]:
    extraction = made.extraction
    return (
        made.memory.total,
        made.memory.while_swapping,
        made.disk.store,
        made.disk.job,
        made.disk.replica,
        made.build_hours,
        extraction.embedding_hours,
        extraction.decoding_hours,
        made.shards,
    )


@given(PICTURES, PICTURES, RECALL)
def test_more_pictures_never_need_less(one: int, other: int, recall: float) -> None:
    fewer, more = (planned(pictures=count, recall=recall) for count in sorted((one, other)))
    if kind(fewer) == kind(more):  # a graph takes more than the compressed lists that follow it
        assert all(a <= b for a, b in zip(needs(fewer), needs(more), strict=True))
    assert fewer.extraction.embedding_hours <= more.extraction.embedding_hours


@given(PICTURES, RECALL, RECALL, RATE)
def test_higher_recall_is_never_faster(
    pictures: int, one: float, other: float, rate: float
) -> None:
    low, high = (
        planned(pictures=pictures, recall=recall, queries_per_second=rate)
        for recall in sorted((one, other))
    )
    assert low.serving.search_ms <= high.serving.search_ms
    if high.serving.meets_p95:
        assert low.serving.meets_p95
        assert low.serving.replicas <= high.serving.replicas


@given(PICTURES, RATE, RATE, P95)
def test_more_queries_never_need_fewer_replicas(
    pictures: int, one: float, other: float, p95: float
) -> None:
    few, many = (
        planned(pictures=pictures, queries_per_second=rate, p95_ms=p95)
        for rate in sorted((one, other))
    )
    assert few.serving.replicas <= many.serving.replicas


@given(PICTURES, RATE, P95, P95)
def test_a_tighter_p95_never_needs_fewer_replicas(
    pictures: int, rate: float, one: float, other: float
) -> None:
    tight, loose = (
        planned(pictures=pictures, queries_per_second=rate, p95_ms=p95)
        for p95 in sorted((one, other))
    )
    if tight.serving.meets_p95:
        assert tight.serving.replicas >= loose.serving.replicas


@given(PICTURES, RATE, P95)
def test_the_replicas_answer_all_queries_in_time(pictures: int, rate: float, p95: float) -> None:
    serving = planned(pictures=pictures, queries_per_second=rate, p95_ms=p95).serving
    assert serving.replicas * serving.queries_per_replica >= rate * (1 - 1e-9)
    if serving.meets_p95:
        assert serving.p95_ms <= p95 * (1 + 1e-9)


@given(PICTURES, st.integers(1, 10**13))
def test_the_index_type_is_the_one_that_a_build_would_choose(pictures: int, memory: int) -> None:
    assert planned(pictures=pictures).factory == choose(pictures).factory
    made = planned(pictures=pictures, memory_bytes=memory)
    assert made.memory.fits == (made.memory.total <= memory)


def fits(pictures: int, memory: int) -> bool | None:
    return planned(pictures=pictures, memory_bytes=memory).memory.fits


@given(PICTURES, st.floats(0.2, 3), st.floats(0.2, 3))
def test_more_memory_never_turns_what_fits_into_what_does_not(
    pictures: int, one: float, other: float
) -> None:
    whole = planned(pictures=pictures).memory.total
    little, much = (max(1, int(whole * share)) for share in sorted((one, other)))
    assert fits(pictures, much) or not fits(pictures, little)


@pytest.mark.parametrize(
    ("pictures", "memory"), [(10_000_000, 4_720_640_000), (100_000_000, 44_320_640_000)]
)
def test_the_centroids_count_where_the_better_codes_would_just_fit(
    pictures: int, memory: int
) -> None:
    assert fits(pictures, memory)


def test_less_memory_gives_a_smaller_index_and_then_none_that_fits() -> None:
    roomy, tight, hopeless = (
        planned(pictures=50_000_000, memory_bytes=memory * 10**9) for memory in (64, 22, 8)
    )
    assert roomy.factory.endswith("Refine(SQfp16)")
    assert tight.factory.endswith("Refine(SQ8)")
    assert (roomy.memory.fits, tight.memory.fits, hopeless.memory.fits) == (True, True, False)
    assert any("distributed engine" in note for note in hopeless.notes)


def test_past_five_million_pictures_there_are_shards() -> None:
    assert planned(pictures=5_000_000).shards == 1
    assert planned(pictures=5_000_001).shards == 2
    assert planned(pictures=50_000_000).shards == 10


def test_a_p95_that_the_model_alone_misses_is_said_to_be_out_of_reach() -> None:
    made = planned(pictures=1000, p95_ms=5, queries_per_second=10)
    assert not made.serving.meets_p95
    assert any("faster model server" in note for note in made.notes)


@pytest.mark.parametrize("wrong", [{"pictures": 0}, {"pictures": 1, "recall": 1.1}])
def test_a_request_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError):
        planned(**wrong)


@given(PICTURES, RECALL)
def test_a_plan_is_the_same_after_json(pictures: int, recall: float) -> None:
    made = planned(pictures=pictures, recall=recall)
    assert msgspec.json.decode(msgspec.json.encode(made), type=Plan) == made
