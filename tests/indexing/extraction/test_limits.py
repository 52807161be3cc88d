from indexing.extraction.limits import STEADY, Limits


def answers(limits: Limits, count: int) -> None:
    for _ in range(count):
        limits.accepted()


def test_a_full_queue_means_fewer_requests_and_then_smaller_ones() -> None:
    limits = Limits(batch=32, depth=4)
    seen = []
    for _ in range(8):
        limits.busy()
        seen.append((limits.depth, limits.batch))
    assert seen == [(2, 32), (1, 32), (1, 16), (1, 8), (1, 4), (1, 2), (1, 1), (1, 1)]


def test_answers_in_a_row_bring_batch_and_depth_back_and_no_further() -> None:
    limits = Limits(batch=32, depth=4)
    for _ in range(4):
        limits.busy()
    assert (limits.depth, limits.batch) == (1, 8)
    answers(limits, STEADY - 1)
    assert limits.batch == 8
    answers(limits, 1)
    assert (limits.depth, limits.batch) == (1, 16)
    answers(limits, 100 * STEADY)
    assert (limits.depth, limits.batch) == (4, 32)


def test_what_the_server_says_it_takes_is_never_passed_again() -> None:
    limits = Limits(batch=32, depth=1)
    limits.too_large(32, most=20)
    assert limits.batch == 20
    answers(limits, 100 * STEADY)
    assert limits.batch == 20


def test_where_it_does_not_say_the_size_is_halved_until_it_fits() -> None:
    limits = Limits(batch=32, depth=1)
    limits.too_large(32, most=None)
    limits.too_large(16, most=None)
    limits.too_large(32, most=None)  # one that was under way with the old size
    answers(limits, 100 * STEADY)
    assert limits.batch == 8


def test_a_server_that_says_nonsense_is_not_believed() -> None:
    limits = Limits(batch=8, depth=1)
    limits.too_large(8, most=100)
    assert limits.batch == 4
    limits.too_large(4, most=0)
    assert limits.batch == 2
