import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from lookalike.errors import (
    ConfigurationError,
    DigestMismatch,
    NothingPublished,
    PublishConflict,
    StoreError,
    VersionNotFound,
)
from lookalike.store import (
    Collection,
    VerifiedCache,
    open_indexes,
    open_models,
    prune,
    verify_version,
)
from lookalike.store.files import draft_folder
from lookalike.store.location import Location
from lookalike.store.manifest import FILE_NAME, FileDigest, Manifest
from lookalike.store.numbers import next_number
from lookalike.store.publishing import LOCK, publishing


class Details(msgspec.Struct):
    note: str


@pytest.fixture(params=["local", "remote"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store on this disk, and one behind fsspec that is no local file system."""
    return str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path}"


def publish(collection: Collection, content: bytes = b"vectors") -> str:
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


def _publish_many(root: str, count: int) -> None:
    for _ in range(count):
        publish(open_models(root, "embedder"))


def test_publishers_at_once_get_numbers_of_their_own(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_publish_many, args=(str(tmp_path), 5)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert open_models(str(tmp_path), "embedder").versions() == [str(n + 1) for n in range(15)]


@pytest.fixture(params=["memory", "s3"])
def object_store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return f"memory://{tmp_path}"
    return f"s3://{request.getfixturevalue('bucket')}/lookalike"


def test_publishers_at_once_into_an_object_store_do_not_mix_their_files(
    object_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 4
    all_have_numbers, upload = threading.Barrier(count), Location.upload

    def uploaded(self: Location, source: Path, name: str) -> None:
        all_have_numbers.wait(60)
        upload(self, source, name)

    monkeypatch.setattr(Location, "upload", uploaded)
    contents = [f"model {number}".encode() for number in range(count)]
    with ThreadPoolExecutor(count) as pool:
        given = list(
            pool.map(lambda data: publish(open_models(object_store, "embedder"), data), contents)
        )
    models = open_models(object_store, "embedder")
    assert sorted(given) == models.versions() == ["1", "2", "3", "4"]
    for version, content in zip(given, contents, strict=True):
        assert verify_version(models, version) == (1, len(content))
        assert models.location.read(f"{version}/inner/data.bin") == content


def test_a_number_that_a_killed_publisher_reserved_is_a_gap_and_no_version(
    object_store: str,
) -> None:
    models = open_models(object_store, "embedder")
    assert publish(models, b"a") == "1"
    assert next_number(models.location) == "2"  # and killed
    assert models.versions() == ["1"]
    with pytest.raises(VersionNotFound):
        models.manifest("2")
    assert publish(models, b"c") == "3"
    assert models.versions() == ["1", "3"]
    assert prune(models, keep=1) == ["1"]
    assert models.versions() == ["3"]
    assert verify_version(models, "3") == (1, 1)
    assert publish(models, b"d") == "4"


def test_the_draft_of_a_killed_publisher_is_never_visible_and_is_cleared(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from lookalike.store import open_indexes\n"
        "with open_indexes(sys.argv[1], 'default').draft() as folder:\n"
        "    (folder / 'manifest.json').write_text('half')\n"
        "    print('drafting', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    indexes, folder = open_indexes(str(tmp_path), "default"), tmp_path / "indexes" / "default"
    with indexes.draft():
        assert len(list(folder.glob(".draft-*[!k]"))) == 2  # a live one is left alone
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert indexes.versions() == []
    version = publish(indexes)
    assert [path.name for path in folder.iterdir()] == [version]


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


def test_of_two_publishers_one_wins_and_the_other_is_told(root: str) -> None:
    indexes = open_indexes(root, "default")
    first, second, third = (publish(indexes, content) for content in (b"a", b"b", b"c"))
    indexes.succeed(None, first)
    indexes.succeed(first, second)
    with pytest.raises(PublishConflict, match=f"moved from {first} to {second}"):
        indexes.succeed(first, third)
    assert indexes.current() == second
    assert third in indexes.versions()


def test_many_publishers_at_once_leave_one_winner(root: str) -> None:
    indexes = open_indexes(root, "default")
    versions = [publish(indexes, bytes([number])) for number in range(8)]
    won: list[str] = []

    def succeed(version: str) -> None:
        try:
            open_indexes(root, "default").succeed(None, version)
        except PublishConflict:
            return
        won.append(version)

    threads = [threading.Thread(target=succeed, args=(version,)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [indexes.current()]


def test_a_lock_that_a_killed_publisher_left_is_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.store.publishing.STALE_SECONDS", 0.5)
    location = Location(f"memory://{tmp_path}")
    location.create(LOCK, b"1000000000 host 1")
    begun = time.monotonic()
    with publishing(location):
        assert time.monotonic() - begun > 0.5  # whatever its time says: clocks differ
        assert location.names(LOCK) == [LOCK]
    assert location.names(LOCK) == []


@pytest.mark.parametrize("ahead", [61, -61])
def test_a_lock_is_held_whatever_another_machine_s_clock_says(
    ahead: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location, here = Location(f"memory://{tmp_path}"), time.time
    monkeypatch.setattr("lookalike.store.publishing.WAIT_SECONDS", 1.0)
    with publishing(location):
        monkeypatch.setattr(time, "time", lambda: here() + ahead)
        with pytest.raises(PublishConflict, match="another process holds"), publishing(location):
            pytest.fail("two hold the lock at once")
    with publishing(location):
        pass


def test_a_lock_that_is_held_for_long_is_not_taken_for_a_killed_publisher_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.store.publishing.STALE_SECONDS", 1.0)
    monkeypatch.setattr("lookalike.store.publishing.RENEW_SECONDS", 0.2)
    location, entered = Location(f"memory://{tmp_path}"), threading.Event()

    def enter() -> None:
        with publishing(location):
            entered.set()

    other = threading.Thread(target=enter)
    with publishing(location):
        other.start()
        assert not entered.wait(3)
    other.join()
    assert entered.is_set()
    assert location.names(LOCK) == []


def test_drafts_of_many_threads_do_not_clear_each_other_away(tmp_path: Path) -> None:
    """The owner of a draft may be about to lock it while another looks for abandoned ones."""
    lost: list[str] = []

    def write(number: int) -> None:
        for turn in range(30):
            with draft_folder(tmp_path) as draft:
                (draft / "file").write_text(f"{number} {turn}")
                if (draft / "file").read_text() != f"{number} {turn}":
                    lost.append(str(draft))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []
    assert list(tmp_path.iterdir()) == []
