import numpy as np
import pytest

from training.labelled import TOGETHER, Labelled, balanced_weights, batches


def drawn(labels: np.ndarray, size: int, seed: int = 0) -> list[np.ndarray]:
    return list(batches(labels, size, np.random.default_rng(seed)))


def test_an_epoch_has_each_picture_once() -> None:
    labels = np.random.default_rng(0).integers(7, size=101)
    found = drawn(labels, 16)
    assert sorted(np.concatenate(found)) == list(range(101))
    assert {len(rows) for rows in found} <= {14, 15}, "no batch is a poor rest"


def test_pictures_have_others_of_their_category_beside_them_however_many_there_are() -> None:
    labels = np.repeat(np.arange(200), 8)
    with_others = [
        (labels[rows][:, None] == labels[rows][None]).sum(axis=1) > 1 for rows in drawn(labels, 32)
    ]
    assert np.concatenate(with_others).mean() > 0.95
    by_chance = np.random.default_rng(0).permutation(len(labels)).reshape(-1, 32)
    alone = [(labels[r][:, None] == labels[r][None]).sum(axis=1) == 1 for r in by_chance]
    assert np.concatenate(alone).mean() > 0.5, "as they would not have, drawn one by one"


def test_groups_are_drawn_anew_in_each_epoch_and_the_same_by_one_seed() -> None:
    labels = np.repeat(np.arange(3), 4 * TOGETHER)
    one, other, again = (np.concatenate(drawn(labels, 12, seed)) for seed in (0, 1, 0))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_a_sample_is_a_fixed_part_in_its_order() -> None:
    data = Labelled(np.arange(10, dtype=np.float32)[:, None, None], np.arange(10))
    assert data.sample(10) is data
    few = data.sample(4)
    assert list(few.labels) == sorted(few.labels)
    np.testing.assert_array_equal(few.originals[:, 0], few.labels)
    np.testing.assert_array_equal(few.labels, data.sample(4).labels)


def test_balanced_weights_let_each_category_count_the_same() -> None:
    weights = balanced_weights(np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2 / 3, 2])
    assert weights.mean() == pytest.approx(1.0)
