"""Each backbone that there is to choose, with random weights at the smallest size."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from export.export import export
from export.saved_model import cut
from lookalike.errors import ConfigurationError
from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import read_model_card
from lookalike.picture.contract import SMALLEST_SIZE
from lookalike.settings import Settings
from lookalike.store import open_models
from training.backbones import BACKBONES, Backbone
from training.fine_tune import fine_tune
from training.finished import is_finished
from training.framework import keras, saving
from training.judging import judge, open_saved
from training.model import (
    base_of,
    build_base,
    build_head,
    build_model,
    cut_before,
    embedder_of,
    fast_base,
    load_model,
    save_model,
    weights_sha256,
)
from training.request import BACKBONE_NAMES, BackboneName, TrainingRequest

SIZE = SMALLEST_SIZE
NOTICE = Path(__file__).parents[2] / "NOTICE"
# Of so many layers that each takes a while to save and to export; one of their kind is enough.
LARGE = ("mobilenet-v3-large", "mobilenet-v3-small", "efficientnet-v2-b0", "efficientnet-v2-s")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[pytest.mark.long] if name in LARGE else [])
        for name in BACKBONE_NAMES
    ],
)
def name(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def model(name: BackboneName) -> Any:
    head = build_head(3, 0.3, BACKBONES[name].dimensions)
    return build_model(build_base(SIZE, backbone=name), head)


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)


def test_every_name_is_a_backbone_and_every_backbone_has_a_name() -> None:
    assert tuple(BACKBONES) == BACKBONE_NAMES


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_saved_model_loads_in_safe_mode_and_comes_apart_into_base_and_embedder(
    suffix: str, name: BackboneName, model: Any, pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    save_model(model, tmp_path / f"model{suffix}")
    loaded = load_model(tmp_path / f"model{suffix}")
    base, expected = base_of(loaded), np.asarray(cut(model)(pixels))
    assert base.output_shape == (None, BACKBONES[name].dimensions)
    assert base.trainable_weights == []
    np.testing.assert_allclose(cut(loaded)(pixels), expected, rtol=1e-6)
    np.testing.assert_allclose(embedder_of(loaded)(base(pixels)), expected, rtol=1e-6)
    # So that what `train` kept in its cache is found by `evaluate`.
    assert weights_sha256(base) == weights_sha256(base_of(model))


def test_it_is_made_of_layers_alone(model: Any) -> None:
    assert all(isinstance(operation, keras.layers.Layer) for operation in model.operations)


def test_cut_before_its_last_stage_it_gives_the_same_features(
    name: BackboneName, pixels: NDArray[np.uint8]
) -> None:
    base = build_base(SIZE, backbone=name)
    trunk, tail = cut_before(base, BACKBONES[name].last_stage)
    np.testing.assert_allclose(tail(trunk(pixels)), base(pixels), rtol=1e-4, atol=1e-4)


def test_its_last_stage_can_be_tuned_but_for_batch_normalization(name: BackboneName) -> None:
    base = build_base(SIZE, backbone=name)
    first = BACKBONES[name].last_stage
    _, tail = cut_before(base, first)
    names = [layer.name for layer in base.layers]
    expected = {
        weight.path
        for layer in base.layers[names.index(first) :]
        if not isinstance(layer, keras.layers.BatchNormalization)
        for weight in layer.weights
    }
    assert {weight.path for weight in tail.trainable_variables} == expected


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "vgg16" else [pytest.mark.long])
        for name in BACKBONE_NAMES[1:]
    ],
)
def test_training_by_it_leaves_a_model_that_evaluation_and_export_take(
    name: BackboneName, request_: TrainingRequest, settings: Settings, tmp_path: Path
) -> None:
    """Random weights stand in a file for those that are nowhere to be had here."""
    random = None
    if BACKBONES[name].wheel is None:
        random = tmp_path / "mine.weights.h5"
        with saving():
            BACKBONES[name].plain().save_weights(random)
    request = msgspec.structs.replace(
        request_,
        backbone=name,
        weights=random,
        output=tmp_path / "training",
    )
    fine_tune(request, settings, print)
    card = read_model_card(tmp_path / "training" / CARD_FILE)
    assert card.backbone == name
    report = judge(open_saved(tmp_path / "training", settings, workers=2), print)
    assert report.quality() == pytest.approx(card.quality, abs=1e-3)
    assert is_finished(request, settings)
    assert not is_finished(msgspec.structs.replace(request, backbone="vgg16"), settings)
    models = open_models(str(tmp_path / "store"), "embedder")
    assert export(tmp_path / "training" / "lookalike.keras", models, "embedder") == "1"


@pytest.mark.parametrize(
    ("name", "layer", "told"),
    [
        ("vgg16", "block6_conv1", "has no layer block6_conv1: its last stage begins with block5_c"),
        ("vgg16", "pixels", "has no layer pixels"),
        ("vgg16", "block5_pool", "nothing to tune from block5_pool on: .* block5_conv1"),
        ("efficientnet-lite0", "block5b_project_conv", "data go past: .* block6a_expand_conv"),
        ("efficientnet-lite0", "block6b_add", "data go past: .* block6a_expand_conv"),
        ("efficientnet-lite0", "top_bn", "nothing to tune from top_bn on: .* block6a_expand_conv"),
    ],
)
def test_where_it_cannot_be_cut_is_told(name: BackboneName, layer: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        cut_before(build_base(SIZE, backbone=name), layer)


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("mobilenet-v3-small", "MobileNetV3Small"),
        pytest.param("efficientnet-v2-b0", "EfficientNetV2B0", marks=pytest.mark.long),
    ],
)
def test_it_computes_what_keras_own_does(
    name: BackboneName, application: str, pixels: NDArray[np.uint8]
) -> None:
    shape = (SIZE, SIZE, 3)
    theirs = getattr(keras.applications, application)(
        include_top=False, weights=None, input_shape=shape, pooling="avg"
    )
    draw = np.random.default_rng(1)
    theirs.set_weights([w * draw.uniform(0.5, 1.5, w.shape) for w in theirs.get_weights()])
    layers = {layer.name: tuple(layer.get_weights()) for layer in theirs.layers if layer.weights}
    ours = build_base(SIZE, layers, backbone=name)
    expected = theirs(pixels.astype(np.float32)).numpy()
    assert np.ptp(expected, axis=0).max() > 0
    np.testing.assert_allclose(ours(pixels).numpy(), expected, rtol=1e-5)


@pytest.mark.long
def test_no_two_backbones_have_as_many_weights() -> None:
    """Caches are named by a digest of all weights, so that of two backbones none are one."""
    counts = [backbone.plain().count_params() for backbone in BACKBONES.values()]
    assert len(set(counts)) == len(counts)


def test_only_what_gains_by_it_is_built_in_another_precision() -> None:
    assert fast_base(SIZE, {}, "bfloat16", "efficientnet-lite0") is None
    assert fast_base(SIZE, {}, "float32") is None
    found = fast_base(SIZE, {}, "bfloat16")
    assert found is not None
    assert found[1].get_layer("block1_conv1").compute_dtype == "bfloat16"


@pytest.mark.parametrize("backbone", BACKBONES.values(), ids=lambda backbone: backbone.title)
def test_the_notice_names_the_weights(backbone: Backbone) -> None:
    notice = " ".join(NOTICE.read_text().split())
    assert backbone.licence in notice
    if backbone.wheel is not None:
        assert backbone.wheel.requirement.replace("==", " ") in notice
