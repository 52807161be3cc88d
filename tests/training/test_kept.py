"""What becomes of trained models where the store is a bucket, and where it is not."""

import itertools
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from lookalike.errors import DigestMismatch, StoreError
from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import write_model_card
from lookalike.settings import Settings
from lookalike.store import Collection
from tests.pictures import write_pictures
from tests.toy_cards import toy_card
from training import cli, kept
from training.kept import VERSIONS, keep, newest_folder, output_folder
from training.output import replace_folder
from training.split import FILE_NAME as SPLIT_FILE
from training.split import Split, write_split

numbers = itertools.count()
MODEL = "lookalike.keras"


def write(folder: Path, weights: str) -> None:
    (folder / MODEL).write_text(weights)
    write_model_card(toy_card(f"{weights:0>64}"), folder / CARD_FILE)
    split = Split(root="/p", validation_root="/p", train=[], validation=[])
    write_split(split, folder / SPLIT_FILE)


def train(settings: Settings, weights: str) -> None:
    output_folder(settings).parent.mkdir(parents=True, exist_ok=True)
    replace_folder(output_folder(settings), partial(write, weights=weights))


def model_of(settings: Settings) -> str:
    return (newest_folder(settings) / MODEL).read_text()


@pytest.fixture
def store() -> str:
    return f"memory://kept-{next(numbers)}/store"


def machine(tmp_path: Path, store: str, name: str) -> Settings:
    return Settings(store=store, cache=str(tmp_path / name))


def test_a_local_store_holds_one_folder_and_nothing_is_copied(tmp_path: Path) -> None:
    settings = machine(tmp_path, str(tmp_path / "store"), "a")
    assert output_folder(settings) == newest_folder(settings) == tmp_path / "store" / "training"
    train(settings, "1")
    assert keep(settings) is None
    assert model_of(settings) == "1"


def test_a_local_store_that_is_spelt_as_a_url_is_the_same_folder(tmp_path: Path) -> None:
    settings = machine(tmp_path, (tmp_path / "store").as_uri(), "a")
    assert output_folder(settings) == tmp_path / "store" / "training"


def test_what_one_machine_trained_another_exports(tmp_path: Path, store: str) -> None:
    one, other = (machine(tmp_path, store, name) for name in "ab")
    assert not newest_folder(other).exists()  # nobody has trained yet
    train(one, "1")
    assert (keep(one) or "").endswith("/training/1")
    assert keep(one) is None  # it is there
    assert model_of(other) == "1"
    train(one, "2")
    assert model_of(one) == "1"  # what is not kept yet is nobody's newest
    assert (keep(one) or "").endswith("/training/2")
    assert model_of(other) == "2"
    assert not newest_folder(other).with_name("1").exists()  # a copy that is not read any more


def test_of_many_trainings_the_newest_are_kept(tmp_path: Path, store: str) -> None:
    settings = machine(tmp_path, store, "a")
    for weights in range(VERSIONS + 2):
        train(settings, str(weights))
        keep(settings)
    versions = Collection(f"{store}/training", numbered=True).versions()
    assert versions == [str(number) for number in range(3, VERSIONS + 3)]


def test_a_damaged_model_is_told_and_not_used(tmp_path: Path, store: str) -> None:
    one, other = (machine(tmp_path, store, name) for name in "ab")
    for weights in "12":
        train(one, weights)
        keep(one)
    Collection(f"{store}/training", numbered=True).location.write(f"2/{MODEL}", b"3")
    with pytest.raises(DigestMismatch):
        newest_folder(other)


def test_two_stores_share_no_folder_of_the_cache(tmp_path: Path, store: str) -> None:
    one, other = machine(tmp_path, store, "a"), machine(tmp_path, f"{store}-2", "a")
    train(one, "1")
    assert not output_folder(other).exists()
    assert not newest_folder(other).exists()


class Bucket(Exception):
    """What a client raises that is no error of the system."""


def failing(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let the next uploads fail."""
    monkeypatch.setattr(kept, "PAUSES", (0.0, 0.0, 0.0))
    publish, left = Collection.publish, [times]

    def unreliable(self: Collection, folder: Path, details: object) -> str:
        if left[0]:
            left[0] -= 1
            raise Bucket("no answer")
        return publish(self, folder, details)  # type: ignore[arg-type]

    monkeypatch.setattr(Collection, "publish", unreliable)


def test_a_bucket_that_is_away_for_a_moment_keeps_the_model_all_the_same(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = machine(tmp_path, store, "a")
    train(settings, "1")
    failing(monkeypatch, 2)
    assert (keep(settings) or "").endswith("/training/1")
    assert model_of(settings) == "1"


def test_an_answer_that_is_lost_makes_no_second_version(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = machine(tmp_path, store, "a")
    train(settings, "1")
    failing(monkeypatch, 0)
    publish = Collection.publish

    def lost(self: Collection, folder: Path, details: object) -> str:
        publish(self, folder, details)  # type: ignore[arg-type]
        raise Bucket("no answer")

    monkeypatch.setattr(Collection, "publish", lost)
    assert (keep(settings) or "").endswith("/training/1")
    assert Collection(f"{store}/training", numbered=True).versions() == ["1"]


def test_where_a_model_cannot_be_kept_it_is_told_where_it_is_and_how_it_goes_on(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = machine(tmp_path, store, "a")
    train(settings, "1")
    failing(monkeypatch, 4)
    with pytest.raises(StoreError, match=r"no answer.*whole in .*without --force") as told:
        keep(settings)
    assert str(output_folder(settings)) in str(told.value)
    assert (output_folder(settings) / MODEL).read_text() == "1"


def test_train_keeps_what_it_made_and_what_a_killed_run_left(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = machine(tmp_path, store, "a")
    monkeypatch.setenv("LOOKALIKE_STORE", store)
    monkeypatch.setenv("LOOKALIKE_CACHE", settings.cache)
    made: list[str] = []

    def fine_tune(*_: object) -> str:
        made.append(str(len(made) + 1))
        train(settings, made[-1])
        return "report"

    monkeypatch.setattr("training.fine_tune.fine_tune", fine_tune)
    monkeypatch.setattr("training.evaluation.as_text", str)
    monkeypatch.setattr("training.finished.is_finished", lambda *_: bool(made))
    pictures = str(write_pictures(tmp_path / "pictures", labels=2, each=2))

    def run(*flags: str) -> str:
        finished = CliRunner().invoke(cli.train, [pictures, *flags])
        assert finished.exit_code == 0, finished.output
        return finished.output

    assert "/training/1" in run()
    again = run()
    assert "holds this model already" in again
    assert "kept as" not in again
    train(settings, "9")  # and killed before it was kept
    assert "/training/2" in run()
    assert "/training/3" in run("--force")
    elsewhere = tmp_path / "elsewhere"
    assert "kept as" not in run("--force", "--output", str(elsewhere))
    assert made == ["1", "2", "3"]


def test_a_model_that_the_store_has_is_not_hidden_by_an_older_one_of_this_machine(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (machine(tmp_path, store, name) for name in "ab")
    train(one, "1")
    train(other, "2")
    keep(other)
    monkeypatch.setenv("LOOKALIKE_STORE", store)
    monkeypatch.setenv("LOOKALIKE_CACHE", one.cache)
    asked_for = newest_folder(one)
    monkeypatch.setattr("training.finished.is_finished", lambda asked, _: asked.output == asked_for)
    pictures = str(write_pictures(tmp_path / "pictures", labels=2, each=2))
    told = CliRunner().invoke(cli.train, [pictures])
    assert told.exit_code == 0, told.output
    assert f"{asked_for} holds this model already" in told.output
    assert "kept as" not in told.output
    assert model_of(one) == "2"
