"""Model versions come into the model server's folder whole and verified, or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from botocore.exceptions import EndpointConnectionError

from lookalike.errors import DigestMismatch, VersionNotFound
from lookalike.store import Collection, open_indexes, open_models, prune
from lookalike.store.manifest import FILE_NAME, decode_manifest, verify_file
from model_server.sync import AGAIN_SECONDS, ServingFolder, keep_synced
from tests.services import process, until
from tests.toy_indexes import empty_details

MODEL = "embedder"
SAVED = {"saved_model.pb": b"graph", "variables/variables.index": b"index", "card.json": b"{}"}


class Details(msgspec.Struct):
    name: str = MODEL


def export(models: Collection, note: str = "") -> str:
    """Publish a version as export-model does; give its number."""
    with models.draft() as folder:
        for name, data in SAVED.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data + note.encode())
        return models.publish(folder, Details())


def reindex(indexes: Collection, version: int, model: str = MODEL) -> str:
    """Publish an index that names a version of a model."""
    with indexes.draft() as folder:
        (folder / "probes").write_bytes(f"{version}".encode())
        return indexes.publish(folder, empty_details(model, version))


class Store:
    """A store with models and indexes, and a folder that a model server would watch."""

    def __init__(self, url: str, folder: Path) -> None:
        self.models, self.indexes = open_models(url, MODEL), open_indexes(url, "default")
        self.folder, self.now = folder, 0.0
        self.serving = ServingFolder(
            folder, self.models, self.indexes, MODEL, clock=lambda: self.now
        )

    def served(self) -> set[str]:
        """Name what a model server would load, each of which must be whole."""
        numbers = {path.name for path in self.folder.iterdir() if path.name.isdecimal()}
        for number in numbers:
            for file in self.models.manifest(number).files:
                assert (self.folder / number / file.path).stat().st_size == file.bytes
        return numbers


@pytest.fixture(params=["local", "remote"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    url = str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path}"
    return Store(url, tmp_path / "serving")


def test_nothing_is_served_from_an_empty_store(store: Store) -> None:
    assert store.serving.sync().brought == []
    assert store.served() == set()


def test_before_there_is_an_index_the_newest_model_is_served(store: Store) -> None:
    for _ in range(2):
        export(store.models)
    assert store.serving.sync().brought == ["2"]
    assert (store.folder / "2" / "variables" / "variables.index").read_bytes() == b"index"
    assert store.serving.sync().brought == []


def test_what_any_index_names_is_served_and_what_is_newer(store: Store) -> None:
    for _ in range(5):
        export(store.models)
    reindex(store.indexes, 3)
    reindex(open_indexes(store.indexes.location.parent.removesuffix("/indexes"), "other"), 1)
    reindex(store.indexes, 2, "another model")
    store.serving.sync()
    assert store.served() == {"1", "3", "4", "5"}


def test_a_retrained_model_appears_and_the_old_one_stays_until_it_is_pruned(store: Store) -> None:
    export(store.models)
    old = reindex(store.indexes, 1)
    store.serving.sync()
    export(store.models, "retrained")
    assert store.serving.sync().brought == ["2"]
    store.indexes.set_current(reindex(store.indexes, 2))
    store.serving.sync()
    assert store.served() == {"1", "2"}  # a rollback can go back to the first
    assert prune(store.indexes, keep=1) == [old]
    store.serving.sync()
    assert store.served() == {"1", "2"}
    prune(store.models, keep=1)
    assert store.serving.sync().taken_away == ["1"]
    assert store.served() == {"2"}
    assert {path.name for path in store.folder.iterdir()} == {"2"}


def test_a_damaged_version_is_refused_and_the_others_go_on(store: Store) -> None:
    export(store.models)
    reindex(store.indexes, 1)
    export(store.models)
    store.models.location.write("1/card.json", b"[]")
    synced = store.serving.sync()
    assert synced.brought == ["2"]
    assert isinstance(synced.refused["1"], DigestMismatch)
    assert store.served() == {"2"}
    store.models.location.write("1/card.json", SAVED["card.json"])
    assert store.serving.sync().brought == []  # it is not read again and again
    store.now += AGAIN_SECONDS + 1
    assert store.serving.sync().brought == ["1"]


def test_another_model_under_a_known_number_takes_its_place(store: Store) -> None:
    export(store.models)
    store.serving.sync()
    (store.folder / "1" / FILE_NAME).write_bytes(b"{}")
    synced = store.serving.sync()
    assert (synced.replaced, synced.taken_away) == (["1"], [])
    assert synced.brought == []  # the model server sees it go
    assert store.serving.sync().brought == ["1"]
    assert store.served() == {"1"}


def test_from_a_damaged_index_nothing_follows_and_the_others_go_on(store: Store) -> None:
    for _ in range(2):
        export(store.models)
    reindex(store.indexes, 1)
    damaged = reindex(store.indexes, 2)
    store.serving.sync()
    store.indexes.location.write(f"{damaged}/{FILE_NAME}", b"{}")
    prune(store.models, keep=1)
    export(store.models)
    synced = store.serving.sync()
    assert synced.brought == ["3"]
    assert synced.taken_away == []
    assert [error.type for error in synced.refused.values()] == [DigestMismatch.type]


def test_what_is_served_stays_where_the_store_lost_everything(store: Store) -> None:
    export(store.models)
    store.serving.sync()
    store.models.location.remove(f"1/{FILE_NAME}")
    assert store.models.versions() == []
    assert store.serving.sync().taken_away == []
    assert (store.folder / "1" / "saved_model.pb").is_file()


def test_what_an_index_names_stays_although_the_store_lost_it(store: Store) -> None:
    export(store.models)
    reindex(store.indexes, 1)
    store.serving.sync()
    export(store.models)
    store.models.location.remove(f"1/{FILE_NAME}")
    synced = store.serving.sync()
    assert (synced.brought, synced.taken_away) == (["2"], [])


def test_a_served_version_stays_although_the_store_s_is_damaged(store: Store) -> None:
    export(store.models)
    store.serving.sync()
    store.models.location.write(f"1/{FILE_NAME}", b"{}")
    export(store.models)
    assert store.serving.sync().brought == ["2"]
    assert (store.folder / "1" / "saved_model.pb").is_file()


KILLED = """
import sys
from pathlib import Path
from tests.indexing.killing import ChangeCounter
from tests.model_server.test_sync import Store

counter = ChangeCounter(Path(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else None)
Store(sys.argv[1], Path(sys.argv[2])).serving.sync()
print(counter.count)
"""


def test_killed_at_any_change_of_a_file_it_leaves_no_half_version(tmp_path: Path) -> None:
    url, folder = str(tmp_path / "store"), tmp_path / "serving"
    store = Store(url, folder)
    export(store.models)
    store.serving.sync()
    export(store.models)
    reindex(store.indexes, 2)
    store.models.location.remove(f"1/{FILE_NAME}")  # pruned: it is to go, and 2 to come

    def run(at: Path, *kill_at: str) -> "subprocess.CompletedProcess[str]":
        subprocess.run(["cp", "-a", folder, at], check=True)
        program = [sys.executable, "-c", KILLED, url, str(at), *kill_at]
        return subprocess.run(program, capture_output=True, text=True, check=False)

    changes = int(run(tmp_path / "whole").stdout)
    assert changes > 10
    for number in range(1, changes + 1, 5):
        at = tmp_path / f"killed-{number}"
        assert run(at, str(number)).returncode < 0
        for left in (path for path in at.iterdir() if path.name.isdecimal()):
            made = decode_manifest((left / FILE_NAME).read_bytes(), str(left))
            for file in made.files:
                verify_file(left / file.path, file)
        half = Store(url, at)
        half.serving.sync()
        assert half.served() == {"2"}
        assert not list(at.glob(".gone-*"))


def test_the_command_keeps_the_folder_as_the_store_is(tmp_path: Path) -> None:
    models = open_models(str(tmp_path / "store"), MODEL)
    export(models)
    environment = {"LOOKALIKE_STORE": str(tmp_path / "store")}
    folder, log = tmp_path / "serving", tmp_path / "log"
    with process(["sync-models", str(folder), "--every", "0.1"], environment, log) as running:
        until((folder / "1").is_dir, what="the first version")
        export(models)
        until(lambda: "version 2 is there" in log.read_text(), what="the second version")
        assert (folder / "2").is_dir()
        running.terminate()
        assert running.wait(30) == 0


def test_what_fails_after_a_look_is_done_after_the_next_one_and_told_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes: list[Exception | None] = [OSError("no room"), OSError("no room"), None]
    slept: list[float] = []

    def after() -> None:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if not outcomes:
            raise KeyboardInterrupt

    monkeypatch.setattr("model_server.sync.time.sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        keep_synced(store.serving, 5, after)
    assert slept == [5, 5, 5]
    assert [one.getMessage() for one in caplog.records] == ["what follows a look failed: no room"]


def test_a_bucket_that_is_away_for_a_while_ends_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What its client raises is no OSError."""
    away: list[Exception | None] = [EndpointConnectionError(endpoint_url="http://b"), None]
    versions = store.models.versions
    export(store.models)

    def asked() -> list[str]:
        if (failure := away.pop(0)) is not None:
            raise failure
        return versions()

    def sleep(_: float) -> None:
        if not away:
            raise KeyboardInterrupt

    monkeypatch.setattr(store.models, "versions", asked)
    monkeypatch.setattr("model_server.sync.time.sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        keep_synced(store.serving, 5, lambda: None)
    assert store.served() == {"1"}
    [record] = [one for one in caplog.records if one.levelname == "WARNING"]
    assert record.getMessage().startswith("the store cannot be looked at: Could not connect")


def test_a_numbered_folder_that_was_not_brought_is_nobody_s_to_take_away(store: Store) -> None:
    for year in ("1", "2023"):
        (store.folder / year).mkdir(parents=True)
        (store.folder / year / "photo.jpg").touch()
    for _ in range(2):
        export(store.models)
    reindex(store.indexes, 1)
    synced = store.serving.sync()
    assert (synced.brought, synced.taken_away) == (["2"], [])
    assert "move it away" in str(synced.refused["1"])
    assert len(list(store.folder.rglob("photo.jpg"))) == 2
    assert store.serving.versions() == ["2"]


def once(store: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*(sys.executable, "-m", "lookalike", "sync-models"), folder, "--once", "--every", "0.1"],
        env={**os.environ, "LOOKALIKE_STORE": str(store)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_once_fails_where_a_version_was_refused(tmp_path: Path) -> None:
    models = open_models(str(tmp_path / "store"), MODEL)
    models.location.write(f"{export(models)}/card.json", b"[]")
    finished = once(tmp_path / "store", tmp_path / "serving")
    assert finished.returncode == DigestMismatch.exit_code
    assert "[digest-mismatch]" in finished.stderr


def test_once_brings_the_model_that_has_another_s_number_by_now(tmp_path: Path) -> None:
    for name in ("one", "another"):
        export(open_models(str(tmp_path / name), MODEL), name)
        finished = once(tmp_path / name, tmp_path / "serving")
        assert finished.returncode == 0
        assert (tmp_path / "serving" / "1" / "saved_model.pb").read_text() == f"graph{name}"
    assert "version 1 was taken away: its number is another model's" in finished.stderr


def test_once_fails_where_the_store_has_no_version(tmp_path: Path) -> None:
    finished = once(tmp_path / "mistyped", tmp_path / "serving")
    assert finished.returncode == VersionNotFound.exit_code
    assert "holds no complete version yet" in finished.stderr
    assert not (tmp_path / "serving").exists()
