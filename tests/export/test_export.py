"""The export on the real architecture, VGG16, with random weights at the smallest size."""

import shutil
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np
import pytest
import tensorflow as tf

from export.export import export
from export.saved_model import cut, parts_of, run_saved_model
from export.warmup import FILE as WARMUP
from lookalike import model_card
from lookalike.errors import ConfigurationError
from lookalike.model_card import ModelCard, TrainingData
from lookalike.picture.contract import PictureContract
from lookalike.store import Collection, open_models, sha256_of, verify_version
from lookalike.vectors import SAME_DEVICE_TOLERANCE, unit
from model_server.servable import Servable
from tests.disks import small_disk
from tests.services import run, run_here
from training.held_out import FILE_NAME as HITS_FILE
from training.held_out import write_held_out_hits
from training.model import build_base, build_head, build_model, load_model, save_model
from training.output import replace_folder
from training.request import BACKBONE_NAMES, BackboneName
from training.retrieval import Neighbours

SIZE = 32
LARGER = ("mobilenet-v3-large", "efficientnet-v2-s")  # each has a smaller sibling


def trained(folder: Path, suffix: str = ".keras", model: Any = None) -> Path:
    """Save a whole model and its card, as training does."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"lookalike{suffix}"
    save_model(model or build_model(build_base(SIZE), build_head(3)), path)
    card = ModelCard(
        created="2026-01-01T00:00:00Z",
        backbone="vgg16",
        base_weights="random",
        weights_sha256=sha256_of(path),
        picture=PictureContract(size=SIZE),
        dimensions=128,
        categories=["a", "b", "c"],
        training_data=TrainingData(fingerprint="0" * 64, pictures=6, validation_pictures=3),
        settings={},
        quality={},
    )
    model_card.write_model_card(card, folder / model_card.FILE_NAME)
    return path


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="module")
def models(model_file: Path) -> Collection:
    """A store with the model exported once."""
    models = open_models(str(model_file.parent / "store"), "embedder")
    assert export(model_file, models, "embedder") == "1"
    return models


@pytest.fixture(scope="module")
def version_one(models: Collection) -> Path:
    assert models.local is not None
    return models.local / "1"


def pictures(count: int) -> Any:
    return np.random.default_rng(3).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def test_the_saved_model_gives_what_keras_gives(model_file: Path, version_one: Path) -> None:
    pixels = pictures(5)
    embedder = cut(tf.keras.models.load_model(model_file))
    expected = np.asarray(embedder(pixels.astype(np.float32), training=False))
    distances = np.linalg.norm(unit(run_saved_model(version_one, pixels)) - unit(expected), axis=1)
    assert distances.max() <= SAME_DEVICE_TOLERANCE


def test_a_session_that_restores_the_graph_as_tensorflow_serving_does_gives_the_same(
    version_one: Path,
) -> None:
    servable = Servable(version_one)
    rows = np.array([row.tobytes() for row in pictures(3)], dtype=object)
    signature = servable.signatures["serving_default"]
    served = servable.run(signature, {"pixels_bytes": rows}, ("dense_1",))["dense_1"]
    servable.close()
    expected = run_saved_model(version_one, pictures(3))
    assert np.linalg.norm(unit(served) - unit(expected), axis=1).max() <= SAME_DEVICE_TOLERANCE


def test_the_weights_are_stored_once(model_file: Path, version_one: Path) -> None:
    weights = 4 * cut(load_model(model_file)).count_params()
    stored = sum(file.stat().st_size for file in (version_one / "variables").iterdir())
    assert weights <= stored < 1.01 * weights


def test_the_signature_is_the_contract_s(version_one: Path) -> None:
    signature = tf.saved_model.load(str(version_one)).signatures["serving_default"]
    (_, inputs) = signature.structured_input_signature
    assert {name: (spec.shape.as_list(), spec.dtype) for name, spec in inputs.items()} == {
        "pixels_bytes": ([None], tf.string)
    }
    assert {
        name: (spec.shape.as_list(), spec.dtype)
        for name, spec in signature.structured_outputs.items()
    } == {"dense_1": ([None, 128], tf.float32)}


@pytest.mark.parametrize("length", [0, 1, SIZE * SIZE * 3 - 1, SIZE * SIZE * 3 * 2])
def test_a_string_of_a_wrong_length_fails_and_never_becomes_other_rows(
    length: int, version_one: Path
) -> None:
    signature = tf.saved_model.load(str(version_one)).signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError):
        signature(tf.constant([b"\0" * length]))


def test_warm_up_records_are_requests_that_the_model_answers(version_one: Path) -> None:
    from tensorflow_serving.apis import prediction_log_pb2

    signatures = tf.saved_model.load(str(version_one)).signatures
    asked = []
    for record in tf.data.TFRecordDataset(str(version_one / WARMUP)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        assert request.model_spec.name == "embedder"
        name = request.model_spec.signature_name
        rows = tf.constant(tf.make_ndarray(request.inputs["pixels_bytes"]))
        [answer] = signatures[name](rows).values()
        asked.append((name, answer.shape[0]))
    assert asked == [("serving_default", 1), ("serving_default", 8), ("parts", 1)]


@pytest.mark.parametrize(
    "backbone",
    [
        pytest.param(name, marks=pytest.mark.long if name in LARGER else ())
        for name in BACKBONE_NAMES
    ],
)
def test_the_parts_of_a_picture_sum_up_to_dense_1_before_its_relu(
    backbone: BackboneName,
) -> None:
    """Of VGG16 a picture of 64 pixels has 2 by 2 places."""
    base = build_base(64, backbone=backbone)
    model = build_model(base, build_head(3, dimensions=base.output_shape[-1]))
    embedder = cut(model)
    layer = embedder.get_layer("dense_1")
    layer.set_weights([layer.get_weights()[0], np.linspace(-1, 1, 128)])
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    parts = np.asarray(parts_of(embedder)(pixels))
    assert parts.shape == (2, 2, 2, 128)
    expected = np.asarray(embedder(pixels))
    np.testing.assert_allclose(np.maximum(parts.sum(axis=(1, 2)), 0), expected, atol=1e-4)


def test_the_card_travels_with_the_version_and_names_it(
    models: Collection, version_one: Path, model_file: Path
) -> None:
    card = model_card.read_model_card(version_one / model_card.FILE_NAME)
    before = model_card.read_model_card(model_file.parent / model_card.FILE_NAME)
    reason = "the model has no held_out_hits.json beside it: train it again"
    assert card == msgspec.structs.replace(before, version=1, explains=True, uncalibrated=reason)
    count, _ = verify_version(models, "1")
    assert count >= 5  # graph, variables and their index, warm-up, card


def with_hits(model_file: Path, folder: Path, queries: int = 40, of: str | None = None) -> Path:
    """Put the model and its card into a folder of their own, with hits beside them."""
    folder.mkdir()
    for name in (model_file.name, model_card.FILE_NAME):
        (folder / name).hardlink_to(model_file.with_name(name))
    draw = np.random.default_rng(5)
    distances = np.sort(draw.uniform(0.1, 1.2, (queries, 10)), axis=1)
    found = Neighbours(
        distances=distances,
        same=draw.random(distances.shape) < 1 - distances / 1.3,
        queries=np.arange(queries),
        rows=np.zeros(distances.shape, np.int64),
    )
    write_held_out_hits(found, of or sha256_of(model_file), folder / HITS_FILE)
    return folder / model_file.name


def exported_card(model_file: Path, store: Path) -> ModelCard:
    models = open_models(str(store), "embedder")
    return model_card.read_stored_card(models, export(model_file, models, "embedder"))


def test_scores_are_calibrated_on_the_hits_beside_the_model(
    model_file: Path, tmp_path: Path
) -> None:
    card = exported_card(with_hits(model_file, tmp_path / "training"), tmp_path / "store")
    assert card.uncalibrated is None
    assert card.calibration is not None
    assert (card.calibration.queries, card.calibration.pairs) == (40, 400)
    near, far = card.calibration.scores([0.2, 1.1])
    assert near > 0.7 > 0.3 > far


def test_the_command_tells_of_the_scores_and_warns_of_a_large_error(
    model_file: Path, tmp_path: Path
) -> None:
    made = with_hits(model_file, tmp_path / "training", queries=20)
    environment = {"LOOKALIKE_STORE": str(tmp_path / "store")}
    finished = run_here(["export-model", "--model", str(made)], environment)
    assert "calibrated on 200 hits of 20 held-out pictures" in finished.stderr
    assert "warning: that is over 0.05" in finished.stderr
    again = run_here(["export-model", "--model", str(model_file)], environment)
    assert again.stderr.count("calibrated on 200 hits") == 1  # that version is there already


def test_the_command_prints_the_card_for_programs(model_file: Path, tmp_path: Path) -> None:
    environment = {"LOOKALIKE_STORE": str(tmp_path / "store")}
    calibrated = with_hits(model_file, tmp_path / "training", queries=20)
    told = run(["export-model", "--model", str(calibrated), "--json"], environment)
    card = msgspec.json.decode(told.stdout, type=ModelCard)
    assert (card.version, card.explains) == (1, True)
    assert card.calibration is not None
    assert "calibrated on 200 hits" in told.stderr


def test_without_enough_hits_the_model_is_exported_and_the_reason_told(
    model_file: Path, tmp_path: Path
) -> None:
    made = with_hits(model_file, tmp_path / "training", queries=3)
    finished = run_here(
        ["export-model", "--model", str(made)], {"LOOKALIKE_STORE": str(tmp_path / "store")}
    )
    assert finished.returncode == 0
    assert "no scores: 20 held-out pictures are needed, and 3 are there" in finished.stderr


def test_hits_of_another_model_calibrate_nothing(model_file: Path, tmp_path: Path) -> None:
    made = with_hits(model_file, tmp_path / "training", of="0" * 64)
    card = exported_card(made, tmp_path / "store")
    assert card.calibration is None
    assert card.uncalibrated == "held_out_hits.json beside the model is another model's"


@pytest.mark.parametrize(
    "damaged",
    [
        b"{",
        b'{"weights_sha256": "", "distances": [[1]], "same": [[true, false]]}',
        b'{"weights_sha256": "", "distances": [[1], [1]], "same": [[true]]}',
    ],
)
def test_damaged_hits_are_an_error_that_names_them(
    damaged: bytes, model_file: Path, tmp_path: Path
) -> None:
    made = with_hits(model_file, tmp_path / "training")
    (tmp_path / "training" / HITS_FILE).write_bytes(damaged)
    with pytest.raises(ConfigurationError, match=f"{HITS_FILE} does not hold held-out hits"):
        exported_card(made, tmp_path / "store")


def test_the_same_model_is_not_exported_twice_unless_told_so(
    models: Collection, model_file: Path
) -> None:
    assert export(model_file, models, "embedder") == "1"
    assert export(model_file, models, "embedder", force=True) == "2"


def test_a_whole_model_in_h5_exports_too(tmp_path: Path) -> None:
    models = open_models(str(tmp_path), "embedder")
    assert export(trained(tmp_path / "training", ".h5"), models, "embedder") == "1"


def test_a_model_that_is_replaced_while_it_is_exported_is_told_and_not_exported(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copied(folder: Path) -> None:
        shutil.copytree(model_file.parent, folder, dirs_exist_ok=True)

    def replaced(path: Path) -> Any:
        model = load_model(path)
        replace_folder(tmp_path / "training", other)
        return model

    def other(folder: Path) -> None:
        trained(folder)

    replace_folder(tmp_path / "training", copied)
    monkeypatch.setattr("training.model.load_model", replaced)
    models = open_models(str(tmp_path / "store"), "embedder")
    with pytest.raises(ConfigurationError, match=r"was replaced meanwhile.*run the same"):
        export(tmp_path / "training" / model_file.name, models, "embedder")
    assert models.versions() == []


def test_a_missing_model_says_to_train_one(tmp_path: Path) -> None:
    models = open_models(str(tmp_path), "embedder")
    with pytest.raises(ConfigurationError, match="train a model first"):
        export(tmp_path / "lookalike.keras", models, "embedder")


def test_a_card_of_another_model_is_refused_and_nothing_is_exported(tmp_path: Path) -> None:
    path = trained(tmp_path / "training")
    path.write_bytes(path.read_bytes() + b" ")
    models = open_models(str(tmp_path), "embedder")
    with pytest.raises(ConfigurationError, match="not the model that"):
        export(path, models, "embedder")
    assert models.versions() == []


def other_model(
    *, size: int = SIZE, pooled: Any = None, between: Any = None, dense: Any = None
) -> keras.Model:
    """Make a small model of somebody else's, like ours but for what is given."""
    pixels = keras.Input((size, size, 3))
    features = keras.layers.Conv2D(4, 3)(pixels)
    features = (pooled or keras.layers.GlobalAveragePooling2D(name="pooled"))(features)
    features = between(features) if between else features
    dense = dense or keras.layers.Dense(128, activation="relu", name="dense_1")
    return keras.Model(pixels, keras.layers.Dense(3, name="predictions")(dense(features)))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"pooled": keras.layers.Flatten()}, "no layer pooled"),
        ({"pooled": keras.layers.GlobalMaxPooling2D(name="pooled")}, "on the means of pooled"),
        ({"between": keras.layers.Dense(4)}, "on the means of pooled"),
        ({"dense": keras.layers.Dense(128, name="dense_1")}, "with ReLU"),
        ({"dense": keras.layers.Dense(32, activation="relu", name="dense_1")}, "gives 32 numbers"),
        ({"size": 40}, r"takes \(40, 40, 3\) .* says \(32, 32, 3\)"),
    ],
)
def test_a_model_of_somebody_elses_is_refused_and_what_is_wrong_is_told(
    given: dict[str, Any], told: str, tmp_path: Path
) -> None:
    path = trained(tmp_path / "training", model=other_model(**given))
    models = open_models(str(tmp_path), "embedder")
    with pytest.raises(ConfigurationError, match=told):
        export(path, models, "embedder")
    assert models.versions() == []


def test_a_model_of_plain_layers_as_ours_is_exported(tmp_path: Path) -> None:
    models = open_models(str(tmp_path), "embedder")
    path = trained(tmp_path / "training", model=other_model())
    assert export(path, models, "embedder") == "1"


def test_a_sequential_model_is_refused(tmp_path: Path) -> None:
    layers = other_model().layers
    path = trained(tmp_path / "training", model=keras.Sequential(layers))
    with pytest.raises(ConfigurationError, match="not made by 'lookalike train'"):
        export(path, open_models(str(tmp_path), "embedder"), "embedder")


def test_a_store_without_room_is_told_as_such_and_holds_nothing_of_it(
    model_file: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        with pytest.raises(OSError, match="No space left"):
            export(model_file, open_models(str(disk), "embedder"), "embedder")
        assert [path for path in disk.rglob("*") if path.is_file()] == []
