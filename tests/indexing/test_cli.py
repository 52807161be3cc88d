"""What the commands of this room print for people."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexing.cli import told
from indexing.extraction.tally import Tally
from indexing.index_cli import index
from lookalike.errors import ConfigurationError, DataError, StoreError
from lookalike.model_card import FILE_NAME, write_model_card
from lookalike.store import open_models
from lookalike.store.manifest import FILE_NAME as MANIFEST
from tests.indexing.publishing.galleries import MODEL, Gallery
from tests.services import run, run_here
from tests.toy_cards import toy_card


def test_a_search_parameter_of_another_type_is_refused_before_any_work(tmp_path: Path) -> None:
    told = command("reindex", str(tmp_path), "--factory", "IVF64,Flat", "--ef-search", "64")
    assert told.returncode == ConfigurationError.exit_code
    assert "'IVF64,Flat' has no --ef-search" in told.stderr


def test_an_empty_store_says_how_it_is_filled(tmp_path: Path) -> None:
    environment = {"LOOKALIKE_STORE": str(tmp_path)}
    listed = CliRunner().invoke(index, ["list"], env=environment)
    assert listed.exit_code == 0
    assert listed.stdout == ""
    assert "'lookalike reindex' publishes one" in listed.stderr
    assert CliRunner().invoke(index, ["list", "--json"], env=environment).stdout == "[]\n"


@pytest.mark.parametrize(
    ("tally", "line"),
    [
        (Tally(unchanged=158), "158 pictures: 0 embedded now, 158 unchanged, 0"),
        (
            Tally(embedded=17, made=2, quarantined=1, missing=1),
            "19 pictures: 2 embedded now, 0 unchanged, 15 read and known already, 2",
        ),
    ],
)
def test_what_reindex_says_of_the_pictures_sums_up(tally: Tally, line: str) -> None:
    assert told(tally) == f"{line} without a vector (lookalike quarantine)"


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {f"LOOKALIKE_{name}": value for name, value in environment.items()}
    return run_here(list(arguments), settings)


@pytest.mark.parametrize("arguments", [["delete", "bird/crow.png"], ["index", "prune"]])
def test_a_store_of_nothing_is_left_so(tmp_path: Path, arguments: list[str]) -> None:
    """It may be another than was meant: a receipt of a deletion from it would prove nothing."""
    told = command(*arguments, STORE=str(tmp_path / "mistyped"))
    assert told.returncode == StoreError.exit_code
    assert "holds no complete version yet" in told.stderr
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize("name", ["reindex", "build"])
def test_a_recall_of_nothing_is_refused_and_not_taken_for_the_usual_one(
    tmp_path: Path, name: str
) -> None:
    source = [str(tmp_path)] if name == "reindex" else []
    told = command(name, *source, "--recall", "0", STORE=str(tmp_path / "store"))
    assert "0.0 is not in the range 0<x<=1" in told.stderr
    assert told.returncode == 2


@pytest.mark.parametrize("name", ["id", "uri", "label"])
def test_no_attribute_of_an_added_picture_takes_a_column_s_name(tmp_path: Path, name: str) -> None:
    """An attribute ``label`` would take the place of all labels in filters."""
    (tmp_path / "crow.png").touch()
    picture, attributes = str(tmp_path / "crow.png"), ["--attribute", f"{name}=bird"]
    told = command("add", picture, *attributes, STORE=str(tmp_path / "store"))
    assert f"crow.png: no attribute can be called {name!r}" in told.stderr
    assert told.returncode == DataError.exit_code


@pytest.mark.parametrize(
    "arguments",
    [
        *(["index", verb] for verb in ("list", "show", "verify", "rollback", "prune")),
        ["delete", "bird/crow.png"],
        ["sync-models", "--once", "."],
    ],
    ids=" ".join,
)
def test_a_store_that_is_a_file_is_one_line(tmp_path: Path, arguments: list[str]) -> None:
    store = tmp_path / "store"
    store.write_text("no folder")
    told = command(*arguments, STORE=str(store))
    assert told.returncode == StoreError.exit_code
    assert told.stderr.startswith("lookalike: ")
    assert told.stderr.count("\n") == 1
    assert f"{store}/" in told.stderr


def test_where_current_names_nothing_the_versions_can_be_seen_and_gone_back_to(
    tmp_path: Path,
) -> None:
    gallery = Gallery(tmp_path)
    gallery.fill(20)
    version = gallery.publish().version
    current = tmp_path / "store" / "indexes" / "default" / "CURRENT"
    current.write_bytes(b"\xff\xfe")
    assert version in command("index", "list", STORE=gallery.settings.store).stdout
    shown = command("index", "show", STORE=gallery.settings.store)
    assert "CURRENT names no version" in shown.stderr
    assert shown.returncode == StoreError.exit_code
    publish_model(gallery)
    back = command("index", "rollback", version, STORE=gallery.settings.store)
    assert back.stdout == f"CURRENT is {version}\n"
    assert current.read_text() == f"{version}\n"
    assert json.loads(command("index", "show", "--json", STORE=gallery.settings.store).stdout)[
        "pictures"
    ]


def test_a_rollback_to_a_version_whose_model_is_gone_is_refused(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path)
    gallery.fill(20)
    first = gallery.publish().version
    gallery.fill(1, first=20)
    second = gallery.publish().version
    for arguments in ([], [first]):
        refused = command("index", "rollback", *arguments, STORE=gallery.settings.store)
        gone = f"{gallery.settings.store}/models/embedder/1/manifest.json does not exist"
        assert (
            refused.stderr
            == f"lookalike: version {first} cannot be served: {gone} [version-not-found]\n"
        )
        assert refused.returncode == StoreError.exit_code
        assert gallery.indexes.current() == second
    publish_model(gallery, weights_sha256="6" * 64)
    refused = command("index", "rollback", STORE=gallery.settings.store)
    assert "is another model than made this index" in refused.stderr
    assert gallery.indexes.current() == second


def test_where_the_current_manifest_is_damaged_a_rollback_asks_for_the_version(
    tmp_path: Path,
) -> None:
    gallery = Gallery(tmp_path)
    gallery.fill(20)
    first = gallery.publish().version
    gallery.fill(1, first=20)
    second = gallery.publish().version
    publish_model(gallery)
    manifest = tmp_path / "store" / "indexes" / "default" / second / MANIFEST
    manifest.write_bytes(b"{}")
    told = command("index", "rollback", STORE=gallery.settings.store)
    assert told.returncode == DataError.exit_code
    assert "which version was before the current one cannot be told: say which" in told.stderr
    assert str(manifest) in told.stderr
    back = command("index", "rollback", first, STORE=gallery.settings.store)
    assert back.stdout == f"CURRENT is {first}\n"


def publish_model(gallery: Gallery, weights_sha256: str = MODEL.weights_sha256) -> None:
    """Put a card into the store as of the model that made a gallery's versions."""
    models = open_models(gallery.settings.store, MODEL.name)
    with models.draft() as folder:
        write_model_card(toy_card(weights_sha256), folder / FILE_NAME)
        models.publish(folder, MODEL)


def test_an_id_that_no_version_has_is_told(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path)
    gallery.fill(20)
    gallery.publish()
    told = command("delete", "bird/crov.png", STORE=gallery.settings.store)
    assert "recorded bird/crov.png: no version has it, so that nothing is gone" in told.stdout
    assert "deleted" not in told.stdout
    assert "the id is empty" in command("delete", "", STORE=gallery.settings.store).stderr


def test_ids_of_a_file_that_is_no_text_are_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(b"bird\xff\n")
    told = command("delete", "--from", str(tmp_path / "ids"), STORE=str(tmp_path))
    assert told.returncode == 2
    assert "it is not UTF-8" in told.stderr


def test_a_folder_without_pictures_is_told_before_a_model_server_is_waited_for(
    tmp_path: Path,
) -> None:
    (tmp_path / "photos" / "bird").mkdir(parents=True)
    (tmp_path / "photos" / "bird" / "notes.txt").write_text("no picture")
    told = run(["reindex", str(tmp_path / "photos")], {"LOOKALIKE_STORE": str(tmp_path / "store")})
    assert told.returncode == DataError.exit_code
    assert f"{tmp_path}/photos has no pictures: is it the right place?" in told.stderr


def test_a_plan_of_no_number_is_a_usage_error() -> None:
    told = command("plan", "--pictures", "1M", "--recall", "nan")
    assert told.returncode == 2
    assert "nan is not a finite number" in told.stderr


def test_an_index_with_a_name_of_its_own_kind_is_refused(tmp_path: Path) -> None:
    told = command("index", "list", STORE=str(tmp_path), INDEX="../elsewhere")
    assert told.returncode == 2
    assert "LOOKALIKE_INDEX has to be of the form" in told.stderr
