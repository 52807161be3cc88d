"""The second stage on a few real pictures, from their last convolutions on."""

import itertools
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lookalike.errors import ConfigurationError
from lookalike.model_card import read_model_card
from lookalike.picture import read_picture
from lookalike.settings import Settings
from tests.training.conftest import PICTURES, SIZE
from training import checkpoint, stages, tuning
from training.feature_cache import FeatureCache
from training.fine_tune import fine_tune
from training.finished import is_finished
from training.judging import judge, open_saved
from training.model import base_of, build_base, embedder_of, load_model, weights_sha256
from training.request import TrainingRequest, TuningSettings
from training.split import read_split
from training.weights import BaseWeights

FIRST = "block5_conv3"
TUNING = TuningSettings(unfreeze_from=FIRST, tuning_rate=1e-4, tuning_epochs=3)


def asked(request: TrainingRequest, output: Path, **changes: Any) -> TrainingRequest:
    """Ask for little of the first stage, so that the second has something to gain."""
    head = msgspec.structs.replace(request.head, epochs=2, **changes)
    return msgspec.structs.replace(request, output=output, head=head, tuning=TUNING)


@pytest.fixture(
    scope="module", params=["contrastive", pytest.param("plain", marks=pytest.mark.long)]
)
def tuned(
    request: pytest.FixtureRequest,
    request_: TrainingRequest,
    settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    output = tmp_path_factory.mktemp("tuned") / "training"
    fine_tune(asked(request_, output, recipe=request.param), settings, print)
    return output


def usage(free: int) -> Any:
    """Give what shutil.disk_usage does."""
    return namedtuple("usage", "total used free")(10**12, 10**12 - free, free)


def with_weights(settings: Settings, folder: Path) -> Settings:
    """Give the settings with an empty cache, but for the converted weights."""
    cache = folder / "cache"
    cache.mkdir()
    if (Path(settings.cache) / "weights").exists():
        (cache / "weights").symlink_to(Path(settings.cache) / "weights")
    return msgspec.structs.replace(settings, cache=str(cache))


def history(folder: Path) -> dict[str, list[float]]:
    return msgspec.json.decode((folder / "history.json").read_bytes())


def test_it_is_kept_where_it_finds_more_and_the_card_says_so(tuned: Path) -> None:
    card = read_model_card(tuned / "model_card.json")
    assert card.tuned_from == FIRST
    assert card.settings["unfreeze_from"] == FIRST
    found = history(tuned)["val_tuning_map"]
    assert len(found) == len(history(tuned)["tuning_loss"]) <= TUNING.tuning_epochs
    assert card.quality["tuned_cosine_map"] == pytest.approx(max(found), abs=0.02)


def test_only_the_layers_from_there_on_have_changed(tuned: Path, base_weights: BaseWeights) -> None:
    tuned_base = base_of(load_model(tuned / "lookalike.keras"))
    before = build_base(SIZE, base_weights.layers)
    changed = [
        layer.name
        for layer, frozen in zip(tuned_base.layers, before.layers, strict=True)
        for new, old in zip(layer.get_weights(), frozen.get_weights(), strict=True)
        if (new != old).any()
    ]
    assert set(changed) == {FIRST}


def test_the_saved_model_embeds_as_it_was_judged(
    tuned: Path, few: Path, settings: Settings
) -> None:
    trained = open_saved(tuned, settings, workers=2)
    report, card = judge(trained, print), read_model_card(tuned / "model_card.json")
    assert report.quality() == pytest.approx(card.quality, abs=1e-3)
    split, model = read_split(tuned / "split.json"), load_model(tuned / "lookalike.keras")
    pixels = np.stack(
        [read_picture((few / e.path).read_bytes(), card.picture) for e in split.train]
    )
    vectors = embedder_of(model)(base_of(model)(pixels))
    np.testing.assert_allclose(trained.after(split.train), vectors, rtol=1e-3, atol=1e-3)


def test_before_is_the_base_as_it_was(tuned: Path, trained: Path, settings: Settings) -> None:
    """Of another run with the same split, whose base was frozen."""
    names = ("raw_cosine_map", "pretrained_cosine_map", "pretrained_l2_map")
    frozen, card = (read_model_card(f / "model_card.json") for f in (trained, tuned))
    for name in names:
        assert card.quality[name] == pytest.approx(frozen.quality[name], abs=1e-3)


def test_the_head_alone_is_kept_where_tuning_finds_nothing_more(
    request_: TrainingRequest, settings: Settings, tmp_path: Path, base_weights: BaseWeights
) -> None:
    """At a rate at which nothing moves."""
    request = msgspec.structs.replace(
        asked(request_, tmp_path / "training"),
        tuning=msgspec.structs.replace(TUNING, tuning_rate=1e-12),
    )
    told: list[str] = []
    fine_tune(request, settings, told.append)
    assert [line for line in told if "the head alone is kept" in line], told
    card = read_model_card(tmp_path / "training" / "model_card.json")
    assert card.tuned_from is None
    frozen = build_base(SIZE, base_weights.layers)
    kept = base_of(load_model(tmp_path / "training" / "lookalike.keras"))
    for new, old in zip(kept.get_weights(), frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


def test_a_layer_that_is_not_there_is_told_before_any_picture_is_read(
    request_: TrainingRequest, settings: Settings, tmp_path: Path
) -> None:
    request = msgspec.structs.replace(
        asked(request_, tmp_path / "training"),
        tuning=TuningSettings(unfreeze_from="block9"),
    )
    told: list[str] = []
    with pytest.raises(ConfigurationError, match="its last stage begins with block5_conv1"):
        fine_tune(request, settings, told.append)
    assert [line.partition(":")[0] for line in told] == ["base weights"]


def test_a_disk_that_is_too_small_is_told_before_the_long_part(
    request_: TrainingRequest, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages.shutil, "disk_usage", lambda _: usage(free=1000))
    own = with_weights(settings, tmp_path)
    with pytest.raises(ConfigurationError, match="fewer --views, a smaller --size"):
        fine_tune(asked(request_, tmp_path / "training"), own, print)
    embedded = [FeatureCache(piece.parent, 512) for piece in Path(own.cache).rglob("*.npy")]
    assert [len(cache) for cache in embedded] == [3 * PICTURES], "no augmented view of any"


@pytest.mark.long
def test_what_is_kept_already_needs_no_more_room(
    tuned: Path,
    request_: TrainingRequest,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after a kill in the second stage."""
    recipe = read_model_card(tuned / "model_card.json").settings["recipe"]
    monkeypatch.setattr(stages.shutil, "disk_usage", lambda _: usage(free=0))
    told: list[str] = []
    request = asked(request_, tmp_path / "training", recipe=recipe)
    once = msgspec.structs.replace(TUNING, tuning_epochs=1)
    fine_tune(msgspec.structs.replace(request, tuning=once), settings, told.append)
    assert any("will keep 0.00B more" in line for line in told)


def test_it_is_judged_beside_what_it_was_where_there_are_no_weights(
    tuned: Path,
    settings: Settings,
    tmp_path: Path,
) -> None:
    own = msgspec.structs.replace(settings, cache=str(tmp_path), weights=str(tmp_path / "none.h5"))
    quality = read_model_card(tuned / "model_card.json").quality
    assert judge(open_saved(tuned, own, workers=2), print).quality() == pytest.approx(
        quality, abs=1e-3
    )


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_without_what_it_was_the_error_names_the_file(
    content: bytes | None, tuned: Path, settings: Settings, tmp_path: Path
) -> None:
    shutil.copytree(tuned, tmp_path / "training")
    (kept := tmp_path / "training" / "untuned.npz").unlink()
    if content is not None:
        kept.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"untuned\.npz does not hold .* train it again"):
        open_saved(tmp_path / "training", settings, workers=2)


@pytest.mark.long
def test_a_second_run_goes_on_from_its_checkpoint_and_gives_the_same_model(
    tuned: Path,
    request_: TrainingRequest,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = read_model_card(tuned / "model_card.json").settings["recipe"]
    request = asked(request_, tmp_path / "training", recipe=recipe)
    trained_once, epochs = tuning._train_once, itertools.count(1)

    def interrupted(*arguments: Any) -> float:
        if next(epochs) == 3:
            raise KeyboardInterrupt
        return trained_once(*arguments)

    told: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "SAVE_SECONDS", 0.0)
        patch.setattr(tuning, "_train_once", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fine_tune(request, settings, told.append)
        fine_tune(request, settings, told.append)
    assert any("going on after epoch 2" in line for line in told)
    assert is_finished(request, settings)
    assert history(request.output) == history(tuned)
    again, whole = (load_model(f / "lookalike.keras") for f in (request.output, tuned))
    assert weights_sha256(again) == weights_sha256(whole)


@pytest.mark.long
def test_as_on_a_gpu_it_is_compiled_by_xla_and_goes_through_the_base_in_bfloat16(
    request_: TrainingRequest,
    settings: Settings,
    tmp_path: Path,
    tuned: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """XLA compiles for processors too, so that what a GPU is given can run here."""
    monkeypatch.setattr("training.tuning.gpu_capabilities", lambda: [(8, 0)])
    monkeypatch.setattr("training.cached_base.gpu_capabilities", lambda: [(8, 0)])
    compiled: list[bool] = []
    original = tuning._compiled

    def watched(*arguments: Any) -> Any:
        model = original(*arguments)
        compiled.append(model.jit_compile)
        return model

    monkeypatch.setattr(tuning, "_compiled", watched)
    there = with_weights(settings, tmp_path)
    recipe = str(read_model_card(tuned / "model_card.json").settings["recipe"])
    wanted = asked(request_, tmp_path / "training", recipe=recipe)
    fine_tune(msgspec.structs.replace(wanted, view_precision="bfloat16"), there, print)
    assert compiled == [True]
    as_usual, here = history(tuned), history(tmp_path / "training")
    assert here["tuning_loss"] == pytest.approx(as_usual["tuning_loss"], rel=0.1)
    assert here["val_tuning_map"] == pytest.approx(as_usual["val_tuning_map"], abs=0.05)
