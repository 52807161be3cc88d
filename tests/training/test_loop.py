import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lookalike.errors import ConfigurationError
from tests.training.test_head import CATEGORIES, clusters
from training import checkpoint
from training.checkpoint import Checkpoint, Checkpoints
from training.framework import keras
from training.head import train_head
from training.loop import Done, Figures, History, Limits, Watch, train_in_epochs
from training.request import HeadSettings

MADE_BY = {"lookalike": "1"}
SETTINGS = HeadSettings(recipe="plain", epochs=5, patience=5, batch_size=8)
DATA = clusters(5, 2, 1), clusters(4, 1, 2)


@pytest.fixture(autouse=True)
def _each_epoch_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SAVE_SECONDS", 0.0)


def train(folder: Path, told: list[str], *watches: Any) -> tuple[Any, History]:
    checkpoints = Checkpoints(folder, "run", MADE_BY, told.append)
    return train_head(*DATA, CATEGORIES, SETTINGS, checkpoints, lambda _: watches)


def assert_same(found: tuple[Any, History], expected: tuple[Any, History]) -> None:
    assert found[1] == expected[1]
    for left, right in zip(found[0].get_weights(), expected[0].get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.fixture(scope="module")
def whole() -> tuple[Any, History]:
    """The head of a run that nothing ends before its time, and that keeps no checkpoint."""
    return train_head(*DATA, CATEGORIES, SETTINGS)


@pytest.mark.long
def test_a_run_that_ends_early_is_gone_on_with_to_the_very_weights(
    whole: tuple[Any, History], tmp_path: Path
) -> None:
    """The first dies in its second epoch, the next one in that after."""
    reached: list[int] = []
    told: list[str] = []

    def die(done: Done) -> None:
        reached.append(done.epoch)
        if reached in ([1, 2], [1, 2, 2, 3]):
            raise KeyboardInterrupt

    for _ in "ab":
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, told, die)
    assert_same(train(tmp_path, told, die), whole)
    assert reached == [1, 2, 2, 3, 3, 4, 5]
    assert [line.split(",")[0] for line in told] == [
        "going on after epoch 1",
        "going on after epoch 2",
    ]


def test_what_came_to_its_end_is_not_trained_again(
    whole: tuple[Any, History], tmp_path: Path
) -> None:
    """A run may be killed while the model is judged or written."""
    told: list[str] = []
    assert_same(train(tmp_path, told), whole)

    def never(done: Done) -> None:
        raise AssertionError(done)

    assert_same(train(tmp_path, told, never), whole)


def test_each_stage_of_the_contrastive_recipe_is_gone_on_with(tmp_path: Path) -> None:
    settings = HeadSettings(epochs=3, batch_size=8)
    told: list[str] = []
    reached: list[tuple[str, int]] = []

    def run(*deaths: tuple[str, int]) -> tuple[Any, History]:
        def watches(stage: str) -> list[Watch]:
            def watch(done: Done) -> None:
                reached.append((stage, done.epoch))
                if reached[-1] in deaths:
                    raise KeyboardInterrupt

            return [watch]

        checkpoints = Checkpoints(tmp_path, "run", MADE_BY, told.append)
        return train_head(*DATA, CATEGORIES, settings, checkpoints, watches)

    for death in (("contrastive", 2), ("softmax", 2)):
        with pytest.raises(KeyboardInterrupt):
            run(death)
    assert_same(run(), train_head(*DATA, CATEGORIES, settings))
    drawn = [("contrastive", epoch) for epoch in (1, 2, 2, 3)]
    assert reached == drawn + [("softmax", epoch) for epoch in (1, 2, 2, 3)]


KILLED_RUN = """
import sys
from pathlib import Path
from tests.indexing.killing import ChangeCounter
from tests.training import test_loop
from training import checkpoint

checkpoint.SAVE_SECONDS = 0.0
folder, kill_at = sys.argv[1:]
ChangeCounter(Path(folder), int(kill_at))
test_loop.train(Path(folder), [])
"""


@pytest.mark.long
def test_a_killed_run_is_gone_on_with_in_another_process_to_the_very_weights(
    whole: tuple[Any, History], tmp_path: Path
) -> None:
    """Killed in the middle of a later write."""
    command = [sys.executable, "-c", KILLED_RUN, str(tmp_path), "20"]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    [kept] = tmp_path.glob("run-*")
    saved = Checkpoint(kept, MADE_BY, print).read()
    assert saved is not None
    assert 1 < saved.facts["epochs"] < SETTINGS.epochs
    told: list[str] = []
    assert_same(train(tmp_path, told), whole)
    assert told == [f"going on after epoch {saved.facts['epochs']}, from {kept}"]


def small_model(units: int) -> Any:
    """Three layers, of which the first is frozen."""
    inner = keras.Sequential([keras.layers.Dense(7), keras.layers.Dropout(0.5)])
    model = keras.Sequential([keras.Input((3,)), inner, keras.layers.Dense(units)])
    inner.layers[0].trainable = False
    model.compile("sgd", "mse")
    return model


def one_epoch(model: Any, kept: Checkpoint) -> History:
    def epoch(generator: np.random.Generator) -> Figures:
        targets = np.ones((4, model.output_shape[-1]))
        return {"loss": float(model.train_on_batch(generator.random((4, 3)), targets))}

    limits = Limits(epochs=1, patience=1, criterion="loss")
    return train_in_epochs(model, epoch, np.random.default_rng(0), limits, kept)


def test_weights_of_frozen_layers_are_not_in_the_checkpoint(tmp_path: Path) -> None:
    """The base's may be a hundred times as many as those that are trained."""
    kept = Checkpoint(tmp_path / "kept", MADE_BY, print)
    one_epoch(small_model(2), kept)
    saved = kept.read()
    assert saved is not None
    shapes = sorted(array.shape for array in saved.arrays["trained"])
    assert shapes == [(2,), (2,), (7, 2)]  # the dropout's generator, the last layer's weights


def test_the_state_of_another_model_is_told_and_not_taken(tmp_path: Path) -> None:
    told: list[str] = []
    kept = Checkpoint(tmp_path / "kept", MADE_BY, told.append)
    losses = [one_epoch(small_model(units), kept)["loss"] for units in (2, 3)]
    assert losses[0] != losses[1]
    assert [line.split(": ")[0] for line in told] == [
        f"the checkpoint {kept.path} is of another model"
    ]


def test_training_that_diverged_is_an_error_and_no_model() -> None:
    settings = msgspec.structs.replace(SETTINGS, learning_rate=1e25)
    with pytest.raises(ConfigurationError, match="ask for a lower learning rate"):
        train_head(*DATA, CATEGORIES, settings)
