"""Versions come and go under a running manager, with real SavedModels."""

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from model_server.manager import ModelManager
from model_server.metrics import Metrics
from model_server.protobuf import tensor_from_array
from model_server.signature import Array
from model_server.status import Code, Refusal
from model_server.versions import State, parse_policy
from model_server.warmup import WARMUP_FILE
from tests.toy_models import write_toy_embedder

SIZE = 8
WAIT = 30.0


@pytest.fixture(scope="module")
def embedders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 to 3, to copy from; each with weights of its own."""
    folder = tmp_path_factory.mktemp("embedders")
    for version in (1, 2, 3):
        write_toy_embedder(folder, version, size=SIZE, seed=version)
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "embedder"


def make_manager(base: Path, policy: str) -> Iterator[ModelManager]:
    manager = ModelManager("embedder", base, parse_policy(policy), None, Metrics())
    yield manager
    manager.close()


@pytest.fixture
def serves_all(base: Path) -> Iterator[ModelManager]:
    yield from make_manager(base, "all")


@pytest.fixture
def serves_latest(base: Path) -> Iterator[ModelManager]:
    yield from make_manager(base, "latest:1")


@pytest.fixture
def serves_two(base: Path) -> Iterator[ModelManager]:
    yield from make_manager(base, "specific:2")


def publish(embedders: Path, version: int, base: Path) -> Path:
    base.mkdir(exist_ok=True)
    shutil.copytree(embedders / str(version), base / f"copying-{version}")
    return (base / f"copying-{version}").rename(base / str(version))


def publish_broken(base: Path, version: int, content: bytes | None) -> None:
    base.mkdir(exist_ok=True)
    (base / str(version)).mkdir()
    if content is not None:
        (base / str(version) / "saved_model.pb").write_bytes(content)


def states(manager: ModelManager) -> dict[int, State]:
    return {version: status.state for version, status in manager.statuses().items()}


def embed(manager: ModelManager, version: int | None = None) -> tuple[int, Array]:
    pixels = np.array([bytes(range(SIZE * SIZE * 3))], dtype=object)
    with manager.lease("embedder", version) as served:
        signature = served.servable.signatures["serving_default"]
        return served.version, served.predict(signature, {"pixels_bytes": pixels})["dense_1"]


def test_nothing_is_served_before_there_is_a_folder(serves_all: ModelManager) -> None:
    serves_all.poll()
    assert not serves_all.has_version()
    assert serves_all.statuses() == {}


def test_all_serves_every_version_and_answers_with_the_newest(
    serves_all: ModelManager, embedders: Path, base: Path
) -> None:
    for version in (1, 3):
        publish(embedders, version, base)
    serves_all.poll()
    assert list(serves_all.statuses()) == [3, 1]
    newest, vector = embed(serves_all)
    assert newest == 3
    assert np.array_equal(vector, embed(serves_all, 3)[1])
    assert not np.allclose(vector, embed(serves_all, 1)[1])


def test_latest_replaces_the_old_version_by_the_new_one_and_brings_it_back(
    serves_latest: ModelManager, embedders: Path, base: Path
) -> None:
    publish(embedders, 1, base)
    serves_latest.poll()
    publish(embedders, 2, base)
    serves_latest.poll()
    assert states(serves_latest) == {2: State.AVAILABLE, 1: State.END}
    with pytest.raises(Refusal) as refusal:
        embed(serves_latest, 1)
    assert refusal.value.code is Code.NOT_FOUND
    shutil.rmtree(base / "2")
    serves_latest.poll()
    assert states(serves_latest) == {2: State.END, 1: State.AVAILABLE}
    assert embed(serves_latest)[0] == 1


def test_specific_serves_only_what_it_names(
    serves_two: ModelManager, embedders: Path, base: Path
) -> None:
    for version in (1, 2, 3):
        publish(embedders, version, base)
    serves_two.poll()
    assert states(serves_two) == {2: State.AVAILABLE}


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"\xffjunk", Code.OUT_OF_RANGE), (None, Code.NOT_FOUND), (b"", Code.NOT_FOUND)],
)
def test_a_broken_new_version_ends_with_its_error_while_the_old_one_serves(
    serves_latest: ModelManager, embedders: Path, base: Path, content: bytes | None, code: Code
) -> None:
    publish(embedders, 1, base)
    serves_latest.poll()
    publish_broken(base, 2, content)
    serves_latest.poll()
    status = serves_latest.statuses()[2]
    assert (status.state, status.code) == (State.END, code)
    assert embed(serves_latest)[0] == 1


def test_cut_off_weights_break_a_version(
    serves_latest: ModelManager, embedders: Path, base: Path
) -> None:
    folder = publish(embedders, 1, base)
    (weights,) = (folder / "variables").glob("*.data-*")
    weights.write_bytes(weights.read_bytes()[:100])
    serves_latest.poll()
    status = serves_latest.statuses()[1]
    assert (status.state, status.code) == (State.END, Code.OUT_OF_RANGE)


def test_missing_weights_break_a_version(
    serves_latest: ModelManager, embedders: Path, base: Path
) -> None:
    folder = publish(embedders, 1, base)
    shutil.rmtree(folder / "variables")
    serves_latest.poll()
    status = serves_latest.statuses()[1]
    assert status.state is State.END
    assert "not a valid checkpoint" in status.message


def test_a_broken_version_is_tried_again_when_its_files_change(
    serves_all: ModelManager, embedders: Path, base: Path
) -> None:
    publish_broken(base, 1, None)
    serves_all.poll()
    assert states(serves_all) == {1: State.END}
    shutil.copytree(embedders / "1", base / "1", dirs_exist_ok=True)
    serves_all.poll()
    assert states(serves_all) == {1: State.AVAILABLE}


def test_a_version_that_is_copied_slowly_is_served_once_it_is_whole(
    serves_all: ModelManager, embedders: Path, base: Path
) -> None:
    (base / "1").mkdir(parents=True)
    shutil.copy2(embedders / "1" / "saved_model.pb", base / "1")
    serves_all.poll()
    assert states(serves_all) == {1: State.END}
    shutil.copytree(embedders / "1" / "variables", base / "1" / "variables")
    serves_all.poll()
    assert states(serves_all) == {1: State.AVAILABLE}


def test_a_folder_with_leading_zeros_is_served_under_its_number(
    serves_all: ModelManager, embedders: Path, base: Path
) -> None:
    publish(embedders, 1, base).rename(base / "00000123")
    serves_all.poll()
    assert states(serves_all) == {123: State.AVAILABLE}
    assert embed(serves_all, 123)[0] == 123


def test_a_version_that_is_in_use_stays_in_memory(
    serves_latest: ModelManager, embedders: Path, base: Path
) -> None:
    publish(embedders, 1, base)
    serves_latest.poll()
    pixels = {"pixels_bytes": np.array([bytes(SIZE * SIZE * 3)], dtype=object)}
    publish(embedders, 2, base)
    with ThreadPoolExecutor(1) as threads:
        with serves_latest.lease("embedder") as served:
            polling = threads.submit(serves_latest.poll)
            wait_for_state(serves_latest, 1, State.UNLOADING)
            signature = served.servable.signatures["serving_default"]
            assert served.predict(signature, pixels)["dense_1"].shape == (1, 128)
            assert not polling.done()
        polling.result(WAIT)
    assert states(serves_latest)[1] is State.END


def wait_for_state(manager: ModelManager, version: int, state: State) -> None:
    deadline = time.monotonic() + WAIT
    while states(manager)[version] is not state:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("name", "version", "label", "message"),
    [
        ("nope", None, None, "Servable not found for request: Latest(nope)"),
        ("embedder", 99, None, "Servable not found for request: Specific(embedder, 99)"),
        ("embedder", None, "stable", "Unrecognized servable version label: stable"),
        ("", None, None, "ModelSpec has no name specified."),
    ],
)
def test_what_is_not_served_is_refused(
    serves_all: ModelManager, name: str, version: int | None, label: str | None, message: str
) -> None:
    with pytest.raises(Refusal) as refusal, serves_all.lease(name, version, label):
        pass
    assert refusal.value.message == message


def write_warmup(folder: Path, *records: bytes) -> None:
    path = folder / WARMUP_FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def warmup_record(length: int) -> bytes:
    log = prediction_log_pb2.PredictionLog()
    pixels = tensor_from_array(np.array([bytes(length)], dtype=object))
    log.predict_log.request.inputs["pixels_bytes"].CopyFrom(pixels)
    return log.SerializeToString()


def test_warmup_requests_are_replayed_before_a_version_is_served(
    serves_all: ModelManager, embedders: Path, base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = publish(embedders, 1, base)
    write_warmup(folder, *[warmup_record(SIZE * SIZE * 3)] * 3)
    with caplog.at_level("INFO", "model_server"):
        serves_all.poll()
    assert states(serves_all) == {1: State.AVAILABLE}
    assert "warmed up with 3 requests" in caplog.text


@pytest.mark.parametrize(
    ("records", "code", "message"),
    [
        ([warmup_record(7)], Code.INVALID_ARGUMENT, "Input to reshape"),
        ([b"\xffjunk"], Code.INVALID_ARGUMENT, "Failed to parse warmup record"),
        ([b""], Code.UNIMPLEMENTED, "Unimplemented log_type"),
        ([warmup_record(SIZE * SIZE * 3)] * 1001, Code.INVALID_ARGUMENT, "exceeds the maximum"),
    ],
)
def test_a_warmup_request_that_fails_fails_the_version(
    serves_all: ModelManager,
    embedders: Path,
    base: Path,
    records: list[bytes],
    code: Code,
    message: str,
) -> None:
    write_warmup(publish(embedders, 1, base), *records)
    serves_all.poll()
    status = serves_all.statuses()[1]
    assert (status.state, status.code) == (State.END, code)
    assert message in status.message


def test_a_cut_off_warmup_file_fails_the_version(
    serves_all: ModelManager, embedders: Path, base: Path
) -> None:
    folder = publish(embedders, 1, base)
    write_warmup(folder, warmup_record(SIZE * SIZE * 3))
    path = folder / WARMUP_FILE
    path.write_bytes(path.read_bytes()[:-5])
    serves_all.poll()
    assert serves_all.statuses()[1].code is Code.DATA_LOSS
