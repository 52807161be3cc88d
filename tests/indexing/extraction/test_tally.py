import pytest

from indexing.extraction.tally import Tally, check, hopeless
from lookalike.errors import DataError

REASONS = [("truncated-picture", 3, "a"), ("missing", 1, "b")]


@pytest.mark.parametrize(
    ("pictures", "rejected", "total", "expected"),
    [
        (999, 999, 1000, False),  # too few to tell
        (2000, 150, 2000, False),
        (2000, 201, 2000, True),  # certain
        (2000, 201, 100_000, False),  # a bad folder that comes first
        (2000, 1000, None, False),
        (2000, 1101, None, True),  # more than halfway between the limit and all
    ],
)
def test_a_job_ends_early_only_where_it_cannot_end_well(
    pictures: int, rejected: int, total: int | None, expected: bool
) -> None:
    tally = Tally(embedded=pictures - rejected, quarantined=rejected)
    assert hopeless(tally, 0.1, total) is expected


def test_the_share_is_of_all_pictures_and_the_limit_itself_is_allowed() -> None:
    check(Tally(embedded=9, quarantined=1), 0.1, REASONS, early=False)
    check(Tally(), 0.0, [], early=False)
    words = r"4 of 10 .*--max-rejected 0.1 .*truncated-picture \(3 times, such as 'a'\)"
    with pytest.raises(DataError, match=words):
        check(Tally(unchanged=6, quarantined=3, missing=1), 0.1, REASONS, early=False)
