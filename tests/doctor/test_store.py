"""Stores with something broken: their folders, their models and their index."""

import hashlib
import json
import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import s3fs

from doctor import silence
from doctor.age import last_extraction
from doctor.cli import SOMETHING_WRONG
from doctor.examine import _checks
from doctor.finding import Finding, run_checks
from doctor.index import DAY, index, served
from doctor.store import store
from lookalike.settings import Settings
from lookalike.store import made_at
from lookalike.store.files import DRAFT, LOCK, draft_folder
from tests.doctor.looking import bound_by_rights, looked, looked_without, said, wrongs
from tests.s3_server import s3_server
from tests.search_api.conftest import Stack
from tests.services import publish_toy_model, run

PARTS = ("store", "models", "index")


def test_a_file_of_the_index_that_is_gone_or_cut_is_named(broken: dict[str, str]) -> None:
    [shard] = Path(broken["LOOKALIKE_STORE"]).glob("indexes/default/*/*.faiss")
    os.truncate(shard, 100)
    told = wrongs(looked(broken)[1])["index"].said
    assert f"{shard.name} has 100 bytes, its manifest says" in told
    shard.unlink()
    told = wrongs(looked(broken)[1])["index"].said
    assert shard.name in told
    assert "is missing" in told


def test_a_changed_byte_is_found_by_looking_deeper(broken: dict[str, str]) -> None:
    [shard] = Path(broken["LOOKALIKE_STORE"]).glob("indexes/default/*/*.faiss")
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.chmod(0o644)
    shard.write_bytes(data)
    assert "index" not in wrongs(looked(broken)[1])
    assert wrongs(looked(broken, "--deep")[1])["index"].type == "digest-mismatch"


def test_current_that_names_nothing_is_told_with_the_way_back(broken: dict[str, str]) -> None:
    indexes = Path(broken["LOOKALIKE_STORE"]) / "indexes" / "default"
    [manifest] = indexes.glob("*/manifest.json")
    shutil.copytree(manifest.parent, indexes / "20200101T000000Z-0")
    shutil.rmtree(manifest.parent)
    found = wrongs(looked(broken)[1])["index"]
    assert "CURRENT names what is not there" in found.said
    assert "'lookalike index rollback VERSION'" in found.advice
    shutil.rmtree(indexes / "20200101T000000Z-0")
    found = wrongs(looked(broken)[1])["index"]
    assert found.type == "version-not-found"
    assert found.advice == "'lookalike reindex'"


def test_a_model_that_is_gone_or_newer_is_told(broken: dict[str, str]) -> None:
    store = Path(broken["LOOKALIKE_STORE"])
    publish_toy_model(store, seed=7)
    told = [one.said for one in looked(broken)[1] if one.state == "warning"]
    assert "it is by model 1, and the newest is 2" in told
    shutil.rmtree(store / "models" / "embedder" / "1")
    assert "its model is not in the store" in wrongs(looked(broken)[1])["index"].said


def test_another_model_under_the_same_version_is_told(broken: dict[str, str]) -> None:
    store = Path(broken["LOOKALIKE_STORE"])
    shutil.rmtree(store / "models" / "embedder" / "1")
    assert publish_toy_model(store, seed=9) == 1
    assert "is another model than made this index" in wrongs(looked(broken)[1])["index"].said


def test_a_damaged_card_is_named_with_its_version(broken: dict[str, str]) -> None:
    card = Path(broken["LOOKALIKE_STORE"]) / "models" / "embedder" / "1" / "model_card.json"
    card.chmod(0o644)
    card.write_bytes(b"{}")
    assert wrongs(looked(broken)[1])["models"].said.startswith("version 1: ")


def test_a_damaged_model_beside_a_whole_one_is_not_called_well(broken: dict[str, str]) -> None:
    store = Path(broken["LOOKALIKE_STORE"])
    publish_toy_model(store, seed=7)
    (store / "models" / "embedder" / "2" / "model_card.json").unlink()
    told = [one for one in looked(broken)[1] if one.check == "models"]
    assert [(one.state, one.said) for one in told if one.state == "ok"] == [("ok", "embedder 1")]
    assert [one.said[:11] for one in told if one.state == "wrong"] == ["version 2: "]


def test_an_index_is_as_old_as_the_last_reading_of_its_catalogue(
    stack: Stack, broken: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(store=broken["LOOKALIKE_STORE"])
    [ledger] = Path(settings.store).glob("ledgers/default/*/part-0-of-1.sqlite")
    before = ledger.stat().st_mtime
    again = run(["reindex", str(stack.pictures)], broken)
    assert "nothing changed" in again.stdout, again.stderr
    now = served(settings)
    read, made = last_extraction(settings, now.details.model), made_at(now.version)
    assert read is not None
    assert made is not None
    assert read > before

    monkeypatch.setattr(time, "time", lambda: made + 40 * DAY)
    [told] = [one for one in index(settings, deep=False) if one.state == "warning"]
    assert told.said.startswith("it is 40 days old")
    assert "CronJob" not in told.advice
    os.utime(ledger, (made + 39 * DAY, made + 39 * DAY))
    assert not [one for one in index(settings, deep=False) if one.state == "warning"]
    # As an extraction leaves it that was broken off.
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert last_extraction(settings, now.details.model) is None


@pytest.fixture
def bucket() -> Iterator[Any]:
    """A file system of an S3 server."""
    with s3_server():
        system = s3fs.S3FileSystem()
        with suppress(FileExistsError):  # all servers of a process have the same
            system.mkdir("bucket")
        yield system


def test_in_a_bucket_too_the_last_extraction_that_ended_is_found(stack: Stack, bucket: Any) -> None:
    [ledger] = Path(stack.environment["LOOKALIKE_STORE"]).glob("ledgers/default/*/*.sqlite")
    model = served(Settings(store=stack.environment["LOOKALIKE_STORE"])).details.model
    settings = Settings(store="s3://bucket/store")
    assert last_extraction(settings, model) is None
    begun = time.time()
    folder = f"bucket/store/ledgers/default/{ledger.parent.name}"
    bucket.put_file(str(ledger), f"{folder}/part-0-of-2.sqlite")
    read = last_extraction(settings, model)
    assert read is not None
    assert abs(read - begun) < 5


def test_what_a_killed_writer_left_is_told_and_what_is_being_written_is_not(
    broken: dict[str, str],
) -> None:
    folder = Path(broken["LOOKALIKE_STORE"]) / "indexes" / "default"
    with draft_folder(folder):
        assert not [one for one in looked(broken)[1] if "killed writers" in one.said]
    left = folder / f"{DRAFT}0123"
    left.mkdir()
    left.with_name(f"{left.name}{LOCK}").touch()
    status, findings = looked(broken)
    [told] = [one for one in findings if "killed writers" in one.said]
    assert (status, told.state) == (0, "warning")
    assert str(left) in told.said
    assert left.is_dir()


def test_a_store_that_needs_what_is_not_there_is_told_with_what_to_see_to() -> None:
    status, findings = looked({"LOOKALIKE_STORE": "nosuch://bucket/folder"})
    assert status == SOMETHING_WRONG
    assert wrongs(findings)["store"].advice.startswith("see to LOOKALIKE_STORE")
    assert "model server" not in wrongs(findings)


def cut_manifest(version: Path) -> None:
    os.truncate(version / "manifest.json", 50)


def cut_shard(version: Path) -> None:
    [shard] = version.glob("*.faiss")
    os.truncate(shard, 100)


def lose_probes(version: Path) -> None:
    (version / "probes.msgpack").unlink()


def garble_current(version: Path) -> None:
    (version.parent / "CURRENT").write_bytes(b"\xff\xfe")


@pytest.mark.parametrize("damage", [cut_manifest, cut_shard, lose_probes, garble_current])
def test_a_damaged_index_is_to_be_made_anew_or_gone_back_from(
    broken: dict[str, str], damage: Callable[[Path], None]
) -> None:
    [manifest] = Path(broken["LOOKALIKE_STORE"]).glob("indexes/default/*/manifest.json")
    shutil.copytree(manifest.parent, manifest.parent.with_name("20200101T000000Z-0"))
    damage(manifest.parent)
    findings = looked(broken)[1]
    assert wrongs(findings).keys() == {"index"}
    advice = wrongs(findings)["index"].advice
    assert "'lookalike index rollback VERSION'" in advice
    assert "'lookalike reindex'" in advice
    # The model server is asked all the same.
    assert "serves embedder 1" in said(findings, "model server")[0][1]


def test_a_damaged_manifest_of_the_model_is_not_called_a_missing_model(
    broken: dict[str, str],
) -> None:
    os.truncate(Path(broken["LOOKALIKE_STORE"]) / "models" / "embedder" / "1" / "manifest.json", 9)
    told = wrongs(looked(broken)[1])["index"].said
    assert told.startswith("its model cannot be used: ")
    assert "is not a manifest" in told


def test_a_card_of_another_kind_is_told_as_the_models(broken: dict[str, str]) -> None:
    version = Path(broken["LOOKALIKE_STORE"]) / "models" / "embedder" / "1"
    rewrite_card(version)
    findings = looked(broken)[1]
    assert said(findings, "models")[0][1].startswith("version 1: ")
    assert "its model cannot be used: " in wrongs(findings)["index"].said


def rewrite_card(version: Path) -> None:
    """Put a card that is none there, with its digest in the manifest."""
    card = version / "model_card.json"
    card.unlink()
    card.write_bytes(b"{}")
    made = json.loads((version / "manifest.json").read_bytes())
    for file in made["files"]:
        if file["path"] == card.name:
            file |= {"bytes": 2, "sha256": hashlib.sha256(b"{}").hexdigest()}
    (version / "manifest.json").unlink()
    (version / "manifest.json").write_text(json.dumps(made))


def test_a_store_that_is_a_file_is_called_one(tmp_path: Path) -> None:
    file = tmp_path / "store"
    file.touch()
    findings = looked({"LOOKALIKE_STORE": str(file)})[1]
    assert said(findings, "store") == [("wrong", f"{file} is a file")]
    assert wrongs(findings)["index"].advice.startswith("see to LOOKALIKE_STORE")
    assert "reindex" not in wrongs(findings)["index"].advice


def test_a_url_of_a_folder_is_looked_at_as_that_folder(
    broken: dict[str, str], tmp_path: Path
) -> None:
    store = Path(broken["LOOKALIKE_STORE"])
    findings = looked({**broken, "LOOKALIKE_STORE": store.as_uri()})[1]
    assert wrongs(findings) == {}
    assert "free" in said(findings, "store")[0][1]
    gone = {**broken, "LOOKALIKE_STORE": (tmp_path / "none").as_uri()}
    assert wrongs(looked(gone)[1])["store"].said == f"there is no folder {tmp_path / 'none'}"


def test_folders_that_are_closed_are_told_by_what_may_not_be_done(broken: dict[str, str]) -> None:
    indexes = Path(broken["LOOKALIKE_STORE"]) / "indexes"
    try:
        indexes.chmod(0o500)
        [(state, told)] = said(bound_by_rights(broken), "store")
        assert (state, told) == ("warning", f"{indexes} can only be read")
        indexes.chmod(0o300)
        [(state, told)] = said(bound_by_rights(broken), "store")
        assert (state, told) == ("wrong", f"{indexes} may not be read by user {os.getuid()}")
        indexes.chmod(0o600)
        [(state, told)] = said(bound_by_rights(broken), "store")
        assert (state, told) == ("wrong", f"{indexes} may not be entered by user {os.getuid()}")
    finally:
        indexes.chmod(0o755)


def test_what_another_user_writes_is_not_called_wrong(broken: dict[str, str]) -> None:
    folder = Path(broken["LOOKALIKE_STORE"]) / "indexes" / "default"
    lock = folder / f"{DRAFT}0123{LOCK}"
    lock.touch(0o000)
    assert "store" not in wrongs(bound_by_rights(broken))


@pytest.mark.parametrize(
    ("scheme", "package", "extra"), [("s3", "s3fs", "s3"), ("gs", "gcsfs", "gcs")]
)
def test_a_package_that_opens_the_store_is_to_be_installed(
    scheme: str, package: str, extra: str
) -> None:
    done = looked_without(package, LOOKALIKE_STORE=f"{scheme}://bucket/folder")
    found = wrongs(msgspec.json.decode(done.stdout, type=list[Finding]))
    assert found["store"].advice == f"pip install 'lookalike[{extra}]'"


@pytest.mark.parametrize(
    ("place", "said"),
    [("bucket", "s3://bucket/store answers"), ("other", "there is no bucket of s3://other/store")],
)
def test_a_bucket_that_is_not_there_does_not_pass_for_an_empty_one(
    bucket: Any, place: str, said: str
) -> None:
    [told] = store(Settings(store=f"s3://{place}/store"))
    assert told.said == said
    assert told.state == ("ok" if place == "bucket" else "wrong")


def test_a_bucket_that_is_silent_is_told_soon_and_what_is_in_it_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(silence, "SECONDS", 0.5)
    for name, value in (("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")):
        monkeypatch.setenv(name, value)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        given = Settings(store="s3://silent/store")
        checks = [one for one in _checks(given, None, deep=False) if one.name in PARTS]
        found = list(run_checks(checks))
    assert [(one.check, one.state) for one in found] == [
        ("store", "wrong"),
        ("models", "warning"),
        ("index", "warning"),
    ]
    assert found[0].said == "s3://silent/store gives no answer within 0.5 seconds"
    assert all("does not answer" in one.said for one in found[1:])
