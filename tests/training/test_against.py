"""A trained model beside the served one: what training tells, and what may be exported."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from export.cli import export_model
from lookalike.errors import DataError, ModelWorse
from lookalike.model_card import ModelCard, read_model_card, read_stored_card
from lookalike.settings import Settings
from lookalike.store import open_indexes, open_models
from tests.model_server.test_sync import reindex
from training.cli import evaluate, train
from training.split import read_split
from training.trained_on import read_trained_on, write_trained_on

QUICK = ["--size", "32", "--views", "0"]
GOOD, POOR = ["--epochs", "40"], ["--epochs", "1", "--learning-rate", "1e-6"]

Run = Callable[..., Result]


def run_in(store: Path, settings: Settings, command: Any, *arguments: str) -> Result:
    environment = {"LOOKALIKE_CACHE": settings.cache, "LOOKALIKE_STORE": str(store)}
    return CliRunner().invoke(command, arguments, env=environment, catch_exceptions=False)


@pytest.fixture(scope="module")
def good(settings: Settings, sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose index is of a good model, version 1."""
    store = tmp_path_factory.mktemp("good") / "store"
    run_in(store, settings, train, str(sample_folder), *QUICK, *GOOD)
    run_in(store, settings, export_model)
    indexes = open_indexes(str(store), "default")
    indexes.set_current(reindex(indexes, 1))
    return store


@pytest.fixture
def served(good: Path, tmp_path: Path) -> Path:
    """The same, for one test to change."""
    return shutil.copytree(good, tmp_path / "store", symlinks=True)


@pytest.fixture
def run(settings: Settings, served: Path) -> Run:
    """Run a command with that store."""
    return partial(run_in, served, settings)


def trained(store: Path) -> ModelCard:
    return read_model_card(store / "training" / "model_card.json")


@pytest.mark.long
def test_a_worse_model_is_told_and_exported_only_by_force(
    run: Run, served: Path, sample_folder: Path
) -> None:
    assert trained(served).compared is None  # nothing was served then
    told = run(train, str(sample_folder), *QUICK, *POOR).output
    assert "worse than model 1: mAP " in told
    compared = trained(served).compared
    assert compared is not None
    assert (compared.verdict, compared.version, compared.queries) == ("worse", 1, 66)
    with pytest.raises(ModelWorse, match=r"worse than model 1.*--force"):
        run(export_model)
    models = open_models(str(served), "embedder")
    assert models.versions() == ["1"]
    assert "version 2" in run(export_model, "--force").output
    assert read_stored_card(models, "2").forced
    assert not read_stored_card(models, "1").forced


@pytest.mark.long
def test_what_is_not_worse_is_exported(run: Run, served: Path, sample_folder: Path) -> None:
    told = run(train, str(sample_folder), *QUICK, *GOOD, "--seed", "1").output
    compared = trained(served).compared
    assert compared is not None
    assert compared.queries < 40  # of 66, since the served one was trained on the others
    assert str(compared) in told
    assert compared.verdict != "worse"
    assert "version 2" in run(export_model).output
    card = read_stored_card(open_models(str(served), "embedder"), "2")
    assert (card.compared, card.forced) == (compared, False)


@pytest.mark.long
def test_one_that_was_not_compared_with_what_is_served_now_is_let_through_and_told(
    run: Run, served: Path, sample_folder: Path
) -> None:
    run(train, str(sample_folder), *QUICK, *POOR)
    indexes = open_indexes(str(served), "default")
    indexes.set_current(reindex(indexes, 7))
    assert "lookalike evaluate --against 7" in run(export_model).output


@pytest.mark.long
def test_a_served_model_that_is_gone_loses_no_training(
    run: Run, served: Path, sample_folder: Path
) -> None:
    indexes = open_indexes(str(served), "default")
    indexes.set_current(reindex(indexes, 7))
    told = run(train, str(sample_folder), *QUICK, *GOOD, "--seed", "1").output
    assert "not compared with the served model" in told
    assert trained(served).compared is None


@pytest.mark.long
def test_evaluate_compares_with_any_exported_version(run: Run, served: Path) -> None:
    result = run(evaluate, "--against", "1", "--no-html", "--json")
    assert "not distinguishable from model 1" in result.stderr  # it is that one
    told = json.loads(result.stdout)
    assert told["against"]["queries"] == told["queries"] == 66
    assert told["against"]["low"] <= 0 <= told["against"]["high"]


@pytest.mark.long
def test_of_pictures_that_went_since_the_training_the_others_are_compared(
    good: Path, settings: Settings, sample_folder: Path, tmp_path: Path
) -> None:
    left = shutil.copytree(sample_folder, tmp_path / "pictures")
    own = msgspec.structs.replace(settings, cache=str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/weights").symlink_to(Path(settings.cache) / "weights")
    run_in(tmp_path / "apart", own, train, str(left), *QUICK, *GOOD)
    split = read_split(tmp_path / "apart/training/split.json")
    asked = ["--model", str(tmp_path / "apart/training"), "--against", "1", "--no-html"]
    left.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="say where it is now"):
        run_in(good, own, evaluate, *asked)
    (tmp_path / "elsewhere").rename(left)
    (left / split.validation[0].path).unlink()
    result = run_in(good, own, evaluate, *asked)
    assert "1 pictures that cannot be read any more, or changed, are not compared" in result.stderr
    assert "not distinguishable from model 1" in result.stdout
    assert "on 65 pictures" in result.stdout


def test_what_a_model_was_trained_on_is_known_by_its_digest(tmp_path: Path) -> None:
    digests = [f"{number:064x}" for number in (5, 1 << 250, 1 << 200)]
    write_trained_on(digests[:2], tmp_path / "file")
    found = read_trained_on(tmp_path / "file")
    assert found is not None
    assert [found.has(digest) for digest in digests] == [True, True, False]
    assert read_trained_on(tmp_path / "none") is None
