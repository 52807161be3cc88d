import numpy as np
import pytest

from training.scaling import LENGTH, by_channel, by_length


def features() -> np.ndarray:
    generator = np.random.default_rng(0)
    return (generator.random((20, 3, 6)) * [1, 1, 1, 50, 0, 2]).astype(np.float32)


@pytest.mark.parametrize("scaling", [by_length, by_channel])
def test_a_dense_layer_that_the_scaling_is_folded_into_takes_features_as_they_come(
    scaling: object,
) -> None:
    made = scaling(features())  # type: ignore[operator]
    kernel, bias = np.random.default_rng(1).normal(size=(6, 4)), np.arange(4.0)
    folded_kernel, folded_bias = made.folded(kernel, bias)
    row = features()[0, 0]
    np.testing.assert_allclose(
        row @ folded_kernel + folded_bias, made.applied(row) @ kernel + bias, rtol=1e-4
    )
    again = made.unfolded(folded_kernel, folded_bias)
    for unfolded, expected in zip(again, (kernel, bias), strict=True):
        np.testing.assert_allclose(unfolded, expected, rtol=1e-4, atol=1e-6)


def test_lengths_come_to_one_mean_by_either() -> None:
    for scaling in (by_length, by_channel):
        scaled = scaling(features()).applied(features())
        assert np.linalg.norm(scaled, axis=-1).mean() == pytest.approx(LENGTH, rel=1e-4)


def test_channels_are_centred_and_a_loud_one_is_evened_out() -> None:
    scaled = by_channel(features()).applied(features()).reshape(-1, 6)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    before, after = features().reshape(-1, 6).std(axis=0), scaled.std(axis=0)
    assert before[3] / before[0] > 40
    assert 1 < after[3] / after[0] < 4
    assert after[4] == 0, "what never varies stays so"


def test_features_of_nothing_but_zeros_can_be_scaled() -> None:
    for scaling in (by_length, by_channel):
        zeros = np.zeros((3, 1, 4), np.float32)
        np.testing.assert_array_equal(scaling(zeros).applied(zeros), 0)


def test_features_that_are_all_alike_can_be_scaled() -> None:
    scaled = by_channel(np.ones((3, 1, 4), np.float32)).applied(np.ones(4, np.float32))
    np.testing.assert_array_equal(scaled, 0)
