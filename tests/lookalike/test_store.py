import shutil
import threading
import time
from pathlib import Path

import msgspec
import pytest

from lookalike.errors import (
    ConfigurationError,
    DigestMismatch,
    NothingPublished,
    StoreError,
    VersionNotFound,
)
from lookalike.store import (
    Collection,
    VerifiedCache,
    open_indexes,
    open_models,
    verify_version,
)
from lookalike.store.manifest import FILE_NAME, FileDigest, Manifest


class Details(msgspec.Struct):
    note: str


@pytest.fixture(params=["local", "remote"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store on this disk, and one behind fsspec that is no local file system."""
    return str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path}"


def publish(collection: Collection, content: bytes = b"vectors") -> str:
    time.sleep(0.002)  # names of versions tell milliseconds, and in memory one takes less
    with collection.draft() as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "data.bin").write_bytes(content)
        return collection.publish(folder, Details(content.decode()))


def test_what_is_published_can_be_fetched_and_is_what_it_was(root: str, tmp_path: Path) -> None:
    indexes = open_indexes(root, "default")
    version = publish(indexes)
    assert indexes.versions() == [version]
    folder = VerifiedCache(tmp_path / "cache", indexes).fetch(version)
    assert (folder / "inner" / "data.bin").read_bytes() == b"vectors"
    assert msgspec.json.decode(indexes.manifest(version).details) == {"note": "vectors"}
    assert verify_version(indexes, version) == (1, 7)


def test_models_are_numbered_as_tensorflow_serving_wants(root: str) -> None:
    models = open_models(root, "embedder")
    assert [publish(models, bytes([65 + i])) for i in range(11)][-2:] == ["10", "11"]
    assert models.latest() == "11"


def test_a_number_once_taken_is_not_given_again(tmp_path: Path) -> None:
    models = open_models(str(tmp_path), "embedder")
    (tmp_path / "models" / "embedder" / "7").mkdir(parents=True)  # someone's, without a manifest
    assert publish(models) == "8"
    assert models.versions() == ["8"]


def test_the_version_can_be_written_into_the_version(tmp_path: Path) -> None:
    models = open_models(str(tmp_path), "embedder")
    with models.draft() as folder:
        version = models.publish(
            folder, Details(""), lambda path, name: (path / "card").write_text(name) and None
        )
    assert (tmp_path / "models" / "embedder" / version / "card").read_text() == "1"
    assert [file.path for file in models.manifest("1").files] == ["card"]


def test_current_moves_only_to_a_complete_version(root: str) -> None:
    indexes = open_indexes(root, "default")
    with pytest.raises(NothingPublished, match="CURRENT does not exist"):
        indexes.current()
    first, second = publish(indexes, b"a"), publish(indexes, b"b")
    for version in (first, second, first):
        indexes.set_current(version)
        assert indexes.current() == version
    with pytest.raises(VersionNotFound):
        indexes.set_current("20260101T000000Z-000000000000")
    assert indexes.current() == first


class GivenUp(Exception):
    """Of who does not wait any more."""


def test_current_stays_where_nobody_waits_any_more_once_the_lock_is_had(root: str) -> None:
    indexes = open_indexes(root, "default")
    first, second = publish(indexes, b"a"), publish(indexes, b"b")
    indexes.set_current(first)
    asked = iter([True])  # before the lock is taken; and then nobody is there

    def patience() -> None:
        if not next(asked, False):
            raise GivenUp

    with pytest.raises(GivenUp):
        indexes.set_current(second, patience)
    assert indexes.current() == first
    indexes.set_current(second, lambda: None)  # and the lock was given back
    assert indexes.current() == second


def test_a_folder_without_a_manifest_is_not_there(tmp_path: Path) -> None:
    indexes = open_indexes(str(tmp_path), "default")
    half = tmp_path / "indexes" / "default" / "20260101T000000Z-aaaaaaaaaaaa"
    half.mkdir(parents=True)
    (half / "shard-00000.faiss").write_bytes(b"half")
    assert indexes.versions() == []
    with pytest.raises(VersionNotFound):
        indexes.manifest(half.name)


def test_a_manifest_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    indexes = open_indexes(str(tmp_path), "default")
    version = publish(indexes)
    path = tmp_path / "indexes" / "default" / version / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b"vectors", b"VECTORS"))
    with pytest.raises(DigestMismatch, match="vouches"):
        indexes.manifest(version)


@pytest.mark.parametrize("damage", [b"vectorz", b"vec", b""])
def test_a_damaged_file_is_refused_and_nothing_of_it_is_kept(damage: bytes, tmp_path: Path) -> None:
    indexes = open_indexes(str(tmp_path / "store"), "default")
    version = publish(indexes)
    (tmp_path / "store/indexes/default" / version / "inner/data.bin").write_bytes(damage)
    cache = VerifiedCache(tmp_path / "cache", indexes)
    for _ in range(2):
        with pytest.raises(DigestMismatch, match=r"data\.bin"):
            cache.fetch(version)
    with pytest.raises(DigestMismatch):
        verify_version(indexes, version)
    assert not list((tmp_path / "cache").rglob("data.bin"))


def test_a_missing_file_is_refused(root: str, tmp_path: Path) -> None:
    indexes = open_indexes(root, "default")
    manifest = Manifest(created="", files=[FileDigest("gone.bin", 3, "0" * 64)])
    cache = VerifiedCache(tmp_path / "cache", _with_manifest(indexes, manifest))
    with pytest.raises(StoreError, match=r"gone\.bin"):
        cache.fetch("1")


@pytest.mark.parametrize("damage", [b"vectorz", b"vector", None])
def test_a_small_file_is_read_as_it_was_or_not_at_all(damage: bytes | None, root: str) -> None:
    indexes = open_indexes(root, "default")
    version = publish(indexes)
    file = indexes.manifest(version).file("inner/data.bin")
    assert indexes.read(version, file) == b"vectors"
    place = f"{version}/inner/data.bin"
    if damage is None:
        indexes.location.remove(place)
    else:
        indexes.location.write(place, damage)
    with pytest.raises(StoreError) as refused:  # of which DigestMismatch is one
        indexes.read(version, file)
    assert isinstance(refused.value, DigestMismatch) is (damage is not None)
    assert "inner/data.bin" in str(refused.value)


def test_a_manifest_that_names_files_outside_of_its_version_is_refused(tmp_path: Path) -> None:
    models = open_models(str(tmp_path / "store"), "embedder")
    manifest = Manifest(created="", files=[FileDigest("../../evil", 3, "0" * 64)])
    with pytest.raises(StoreError, match="outside of its version"):
        VerifiedCache(tmp_path / "cache", _with_manifest(models, manifest)).fetch("1")


def _with_manifest(collection: Collection, manifest: Manifest) -> Collection:
    """A collection whose version 1 says what no publisher would."""
    models = Collection(collection.root, numbered=True)
    if collection.local is None:
        models = Collection(f"memory://{collection.root}", numbered=True)
    models.location.write(f"1/{FILE_NAME}", manifest.encode())
    return models


def test_the_cache_fetches_once_and_forgets_what_is_not_kept(tmp_path: Path) -> None:
    indexes = open_indexes(str(tmp_path / "store"), "default")
    first, second = publish(indexes, b"a"), publish(indexes, b"b")
    cache = VerifiedCache(tmp_path / "cache", indexes)
    assert cache.fetch(first) == cache.fetch(first)
    cache.fetch(second)
    cache.keep({second})
    assert [path.parent.name for path in (tmp_path / "cache").rglob(FILE_NAME)] == [second]


def test_a_copy_that_was_being_removed_as_its_process_was_killed_is_fetched_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes = open_indexes(str(tmp_path / "store"), "default")
    first, second = publish(indexes, b"a"), publish(indexes, b"b")
    cache = VerifiedCache(tmp_path / "cache", indexes)
    folder = cache.fetch(first)

    def killed(path: Path, **_: object) -> None:
        (path / "inner" / "data.bin").unlink()
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(SystemExit):
            cache.keep({second})
    cache.fetch(first)  # as after a rollback
    assert (folder / "inner" / "data.bin").read_bytes() == b"a"
    cache.keep({first})
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [first]


def test_threads_that_fetch_at_once_all_get_the_whole_version(tmp_path: Path) -> None:
    indexes = open_indexes(str(tmp_path / "store"), "default")
    version = publish(indexes, b"x" * 100_000)
    sizes: list[int] = []

    def fetch() -> None:
        folder = VerifiedCache(tmp_path / "cache", indexes).fetch(version)
        sizes.append((folder / "inner" / "data.bin").stat().st_size)

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [100_000] * 8


def test_a_store_that_cannot_be_opened_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="nosuch"):
        open_indexes("nosuch://bucket", "default")


def test_a_reader_sees_the_old_pointer_or_the_new_one(tmp_path: Path) -> None:
    indexes = open_indexes(str(tmp_path), "default")
    versions = {publish(indexes, b"a"), publish(indexes, b"b")}
    indexes.set_current(min(versions))
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(indexes.current())

    reader = threading.Thread(target=read)
    reader.start()
    end = time.monotonic() + 1
    while time.monotonic() < end:
        for version in versions:
            indexes.set_current(version)
    done.set()
    reader.join()
    assert seen <= versions


def publish_beside(collection: Collection, shared: FileDigest, content: bytes = b"delta") -> str:
    time.sleep(0.002)  # as above
    with collection.draft() as folder:
        (folder / "delta.bin").write_bytes(content)
        return collection.publish(folder, Details("delta"), shared=[shared])


def shared_file(collection: Collection, version: str) -> FileDigest:
    file = collection.manifest(version).file("inner/data.bin")
    return msgspec.structs.replace(file, version=version)


def test_a_version_can_share_files_of_an_earlier_one(root: str, tmp_path: Path) -> None:
    indexes = open_indexes(root, "default")
    first = publish(indexes)
    second = publish_beside(indexes, shared_file(indexes, first))
    written = indexes.location.names(f"{second}/*")
    assert written == [f"{second}/delta.bin", f"{second}/{FILE_NAME}"]  # only what is new
    assert verify_version(indexes, second) == (2, 12)
    folder = VerifiedCache(tmp_path / "cache", indexes).fetch(second)
    assert (folder / "inner" / "data.bin").read_bytes() == b"vectors"


def test_a_shared_file_that_is_verified_here_already_is_not_fetched_again(
    tmp_path: Path,
) -> None:
    indexes = open_indexes(str(tmp_path / "store"), "default")
    first = publish(indexes)
    second = publish_beside(indexes, shared_file(indexes, first))
    cache = VerifiedCache(tmp_path / "cache", indexes)
    known = cache.fetch(first) / "inner" / "data.bin"
    assert (cache.fetch(second) / "inner" / "data.bin").samefile(known)


def test_a_damaged_shared_file_is_refused(tmp_path: Path) -> None:
    indexes = open_indexes(str(tmp_path / "store"), "default")
    first = publish(indexes)
    second = publish_beside(indexes, shared_file(indexes, first))
    (tmp_path / "store/indexes/default" / first / "inner/data.bin").write_bytes(b"vectorz")
    with pytest.raises(DigestMismatch):
        verify_version(indexes, second)
    with pytest.raises(DigestMismatch):
        VerifiedCache(tmp_path / "cache", indexes).fetch(second)


@pytest.mark.parametrize("version", ["../../..", "a/b", ".hidden", ""])
def test_a_manifest_cannot_share_what_lies_outside_of_its_collection(
    version: str, tmp_path: Path
) -> None:
    indexes = open_indexes(str(tmp_path / "store"), "default")
    with pytest.raises(StoreError, match="outside"):
        indexes.place("20260101T000000Z-aaaaaaaaaaaa", FileDigest("x", 1, "0" * 64, version))
