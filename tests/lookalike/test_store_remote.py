"""The artefact store on S3 and on GCS: real servers over HTTP, and a second client beside."""

import hashlib
import os
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import pytest

from indexing.packing import pack
from lookalike.catalogue.storage import read_bytes
from lookalike.changes import Deletion, open_changes
from lookalike.errors import (
    DigestMismatch,
    NothingPublished,
    PublishConflict,
    StoreError,
    VersionNotFound,
)
from lookalike.store import Collection, VerifiedCache, open_indexes, open_models, verify_version
from lookalike.store.manifest import FILE_NAME
from lookalike.store.prune import prune
from lookalike.store.publishing import LOCK

_numbers = count()


class Details(msgspec.Struct):
    note: str


@pytest.fixture
def s3_store(bucket: str) -> str:
    return f"s3://{bucket}/lookalike"


@pytest.fixture(params=["s3", "gs"])
def store(request: pytest.FixtureRequest) -> str:
    if request.param == "s3":
        return str(request.getfixturevalue("s3_store"))
    request.getfixturevalue("gcs").mkdir(name := f"store-{next(_numbers)}")
    return f"gs://{name}/lookalike"


def put(collection: Collection, name: str, data: bytes) -> None:
    """Write behind the store's back."""
    collection.location._fs.pipe_file(f"{collection.root}/{name}", data)


def publish(collection: Collection, content: bytes = b"vectors") -> str:
    with collection.draft() as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "data.bin").write_bytes(content)
        (folder / "empty").touch()
        return collection.publish(folder, Details(str(len(content))))


def test_what_is_published_can_be_fetched_and_is_what_it_was(store: str, tmp_path: Path) -> None:
    indexes = open_indexes(store, "default")
    version = publish(indexes)
    assert indexes.versions() == [version]
    folder = VerifiedCache(tmp_path / "cache", indexes).fetch(version)
    assert (folder / "inner/data.bin").read_bytes() == b"vectors"
    assert (folder / "empty").read_bytes() == b""
    assert msgspec.json.decode(indexes.manifest(version).details) == {"note": "7"}
    assert verify_version(indexes, version) == (2, 7)


def test_a_file_of_many_parts_comes_back_as_it_was(s3_store: str, tmp_path: Path) -> None:
    content = os.urandom(1 << 20) * 60  # over what one request uploads
    indexes = open_indexes(s3_store, "default")
    folder = VerifiedCache(tmp_path, indexes).fetch(publish(indexes, content))
    assert (folder / "inner/data.bin").read_bytes() == content


def test_models_are_numbered(store: str) -> None:
    models = open_models(store, "embedder")
    assert [publish(models, bytes([65 + i])) for i in range(11)][-2:] == ["10", "11"]
    assert models.latest() == "11"
    assert models.versions() == [str(number) for number in range(1, 12)]


def test_another_process_sees_what_was_published_and_where_current_points(store: str) -> None:
    indexes = open_indexes(store, "default")
    with pytest.raises(NothingPublished):
        indexes.current()
    assert elsewhere(store) == ([], None)
    first = publish(indexes, b"a")
    indexes.set_current(first)
    assert elsewhere(store) == ([first], first)
    assert indexes.current() == first


def elsewhere(store: str) -> tuple[list[str], str | None]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(seen, store).result()


def seen(store: str) -> tuple[list[str], str | None]:
    indexes = open_indexes(store, "default")
    return indexes.versions(), indexes.current_or_none()


def test_a_client_that_has_listed_before_sees_what_others_publish_later(store: str) -> None:
    ours = open_indexes(store, "default")
    assert ours.versions() == []
    type(ours.location._fs).clear_instance_cache()  # as another process has a client of its own
    theirs = open_indexes(store, "default")
    assert theirs.location._fs is not ours.location._fs
    for content in (b"a", b"b"):
        version = publish(theirs, content)
        theirs.set_current(version)
        assert version in ours.versions()
        assert ours.current() == version


def test_current_moves_only_to_a_complete_version(store: str) -> None:
    indexes = open_indexes(store, "default")
    first = publish(indexes, b"a")
    indexes.set_current(first)
    with pytest.raises(VersionNotFound):
        indexes.set_current("20260101T000000Z-000000000000")
    assert indexes.current() == first


def test_of_two_that_publish_on_one_predecessor_one_wins(s3_store: str) -> None:
    indexes = open_indexes(s3_store, "default")
    versions = [publish(indexes, bytes([65 + i])) for i in range(4)]

    def succeed(version: str) -> str | None:
        try:
            open_indexes(s3_store, "default").succeed(None, version)
        except PublishConflict:
            return None
        return version

    with ThreadPoolExecutor(4) as pool:
        won = [version for version in pool.map(succeed, versions) if version is not None]
    assert won == [indexes.current()]
    assert LOCK not in indexes.location.names("*")


def test_a_file_is_created_only_once(s3_store: str) -> None:
    location = open_indexes(s3_store, "default").location
    location.create("name", b"first")
    with pytest.raises(FileExistsError):
        location.create("name", b"second")
    assert location.read("name") == b"first"


def test_a_lock_that_a_killed_process_left_is_taken_over(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.store.publishing.STALE_SECONDS", 0.5)
    indexes = open_indexes(store, "default")
    version = publish(indexes)
    indexes.location.create(LOCK, f"{time.time() - 3600:.0f} host 1".encode())
    indexes.set_current(version)
    assert indexes.current() == version


def test_a_half_uploaded_version_is_not_there(store: str) -> None:
    indexes = open_indexes(store, "default")
    half = "20260101T000000Z-aaaaaaaaaaaa"
    put(indexes, f"{half}/data.bin", b"half")
    assert indexes.versions() == []
    with pytest.raises(VersionNotFound):
        indexes.manifest(half)


@pytest.mark.parametrize("damage", [b"vectorz", b"vec", b""])
def test_a_damaged_file_is_refused_and_nothing_of_it_is_kept(
    damage: bytes, store: str, tmp_path: Path
) -> None:
    indexes = open_indexes(store, "default")
    version = publish(indexes)
    put(indexes, f"{version}/inner/data.bin", damage)
    with pytest.raises(DigestMismatch, match=r"data\.bin"):
        VerifiedCache(tmp_path, indexes).fetch(version)
    with pytest.raises(DigestMismatch):
        verify_version(indexes, version)
    assert not list(tmp_path.rglob("data.bin"))


def test_a_missing_file_is_refused(store: str, tmp_path: Path) -> None:
    indexes = open_indexes(store, "default")
    version = publish(indexes)
    indexes.location.remove(f"{version}/inner/data.bin")
    with pytest.raises(StoreError, match=r"inner/data\.bin is missing"):
        VerifiedCache(tmp_path, indexes).fetch(version)


def test_a_manifest_that_was_tampered_with_is_refused(store: str) -> None:
    indexes = open_indexes(store, "default")
    version = publish(indexes)
    name = f"{version}/{FILE_NAME}"
    put(indexes, name, indexes.location.read(name).replace(b'"7"', b'"8"'))
    with pytest.raises(DigestMismatch, match="vouches"):
        indexes.manifest(version)


def test_a_later_version_can_share_an_earlier_one_s_files(store: str, tmp_path: Path) -> None:
    indexes = open_indexes(store, "default")
    first = publish(indexes)
    with indexes.draft() as folder:
        (folder / "delta.bin").write_bytes(b"new")
        shared = [msgspec.structs.replace(f, version=first) for f in indexes.manifest(first).files]
        second = indexes.publish(folder, Details("second"), shared=shared)
    folder = VerifiedCache(tmp_path, indexes).fetch(second)
    assert (folder / "inner/data.bin").read_bytes() == b"vectors"
    assert (folder / "delta.bin").read_bytes() == b"new"
    indexes.set_current(second)
    assert prune(indexes, keep=0) == [first]
    assert indexes.versions() == [second]
    assert verify_version(indexes, second) == (3, 10)


def test_what_is_pruned_is_gone(store: str) -> None:
    indexes = open_indexes(store, "default")
    first, second, third = (publish(indexes, bytes([65 + i])) for i in range(3))
    indexes.set_current(second)
    assert sorted(prune(indexes, keep=0)) == sorted([first, third])
    assert indexes.versions() == [second]
    assert {name.split("/")[0] for name in indexes.location.names("*")} == {"CURRENT", second}


def test_changes_are_kept_and_read_in_their_order(store: str) -> None:
    changes = open_changes(store, "default")
    written = [changes.append(Deletion([f"bird/{n}"])) for n in range(3)]
    assert open_changes(store, "default").records() == written
    sha256 = changes.put_picture(b"picture")
    uri = changes._location.uri(f"pictures/{sha256}")
    assert uri.startswith(f"{store}/requests/default/pictures/")
    assert read_bytes(uri, 100) == b"picture"


def test_changes_are_packed_and_read_from_a_pack(store: str) -> None:
    changes = open_changes(store, "default")
    written = [changes.append(Deletion([f"bird/{n}"])) for n in range(3)]
    assert pack(changes, few=0)
    assert not pack(changes, few=0, settled_seconds=0)
    assert (len(changes.listed().records), len(changes.listed().packs)) == (0, 1)
    assert open_changes(store, "default").records() == written
    names = [record.name for record in written]
    assert changes.news(known=names[:2]).records == written[2:]
    assert changes.news(known=names).records == []
    changes.remove(names)  # as another job has


def test_sent_pictures_have_an_age_and_can_be_removed(store: str) -> None:
    log = open_changes(store, "default")
    sha256 = log.put_picture(b"bytes")
    (log.put_picture(b"others"), log.remove_pictures([sha256, "0" * 64]))
    assert log.pictures() == [hashlib.sha256(b"others").hexdigest()]
    assert log.picture_age(sha256) == 0
    assert 0 <= log.picture_age(log.pictures()[0]) < 60
    assert log.read_picture(log.pictures()[0]) == b"others"


def test_a_store_in_a_bucket_that_is_not_there_says_so(s3: Any) -> None:
    with pytest.raises((StoreError, OSError), match=r"does not exist|NoSuchBucket"):
        open_indexes("s3://nobody-has-this/store", "default").current()
    with pytest.raises((StoreError, OSError)):
        publish(open_indexes("s3://nobody-has-this/store", "default"))
