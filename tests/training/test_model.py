from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike.errors import ConfigurationError
from training.framework import keras
from training.model import (
    EMBEDDING_LAYER,
    base_of,
    build_base,
    build_head,
    build_model,
    embedder_of,
    load_model,
    save_model,
)
from training.weights import BaseWeights

SIZE = 32


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model(base_weights: BaseWeights) -> keras.Model:
    return build_model(build_base(SIZE, base_weights.layers), build_head(4, dropout=0.3))


def test_the_base_is_keras_own_vgg16_with_its_own_preprocessing(
    base_weights: BaseWeights, pixels: NDArray[np.uint8]
) -> None:
    reference = keras.applications.VGG16(
        include_top=False, weights=None, input_shape=(SIZE, SIZE, 3), pooling="avg"
    )
    for name, layer in base_weights.layers.items():
        reference.get_layer(name).set_weights(list(layer))
    preprocess = keras.applications.vgg16.preprocess_input
    expected = reference(preprocess(pixels.astype(np.float32))).numpy()
    np.testing.assert_allclose(
        build_base(SIZE, base_weights.layers)(pixels).numpy(), expected, rtol=1e-6, atol=1e-5
    )


def test_the_embedding_layer_is_dense_1_of_128_units(model: keras.Model) -> None:
    layer = model.get_layer("dense_1")
    assert EMBEDDING_LAYER == "dense_1"
    assert layer.output.shape == (None, 128)
    assert layer.activation is keras.activations.relu


def test_only_the_head_is_trainable(model: keras.Model) -> None:
    assert {w.path.split("/")[0] for w in model.trainable_weights} == {"dense_1", "predictions"}


def test_whole_numbers_and_floats_give_the_same(
    model: keras.Model, pixels: NDArray[np.uint8]
) -> None:
    np.testing.assert_array_equal(model(pixels), model(pixels.astype(np.float32)))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_saved_model_loads_and_gives_the_same(
    suffix: str, model: keras.Model, pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / f"model{suffix}"
    save_model(model, path)
    loaded = load_model(path)
    np.testing.assert_allclose(loaded(pixels), model(pixels), rtol=1e-6)
    assert loaded.get_layer("dense_1").output.shape == (None, 128)


def test_the_model_is_the_base_and_the_embedder_one_after_the_other(
    model: keras.Model, pixels: NDArray[np.uint8]
) -> None:
    whole = keras.Model(model.input, model.get_layer("dense_1").output)
    parts = embedder_of(model)(base_of(model)(pixels))
    np.testing.assert_allclose(parts, whole(pixels), rtol=1e-6)


def test_a_model_without_dense_1_is_refused(tmp_path: Path) -> None:
    pixels = keras.Input((SIZE, SIZE, 3))
    path = tmp_path / "other.keras"
    save_model(keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(pixels)), path)
    with pytest.raises(ConfigurationError, match="no layer dense_1"):
        load_model(path)


def test_a_model_that_carries_code_is_refused(tmp_path: Path) -> None:
    pixels = keras.Input((SIZE, SIZE, 3))
    path = tmp_path / "code.keras"
    save_model(keras.Model(pixels, keras.layers.Lambda(lambda x: x)(pixels)), path)
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        load_model(path)


@pytest.mark.parametrize("content", [None, b"not a model"])
def test_a_file_that_is_no_model_is_told(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"train a model first|cannot be loaded"):
        load_model(path)
