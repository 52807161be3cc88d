"""Publishers side by side, on a local disk and on an object store, and what killed ones leave."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from lookalike.errors import PublishConflict, VersionNotFound
from lookalike.store import Collection, files, open_indexes, open_models, prune, verify_version
from lookalike.store.files import draft_folder
from lookalike.store.location import Location
from lookalike.store.manifest import Manifest
from lookalike.store.numbers import next_number
from lookalike.store.publishing import LOCK, publishing
from tests.lookalike.test_store import publish, root

__all__ = ["root"]


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


def test_the_draft_of_a_killed_publisher_to_a_bucket_is_cleared_too(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time\n"
        "from lookalike.store import open_indexes\n"
        "indexes, scratch = open_indexes('memory://store', 'default'), pathlib.Path(sys.argv[1])\n"
        "with indexes.draft(scratch) as draft:\n"
        "    (draft / 'shard').write_text('half')\n"
        "    print('drafting', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    assert len(list(tmp_path.rglob("shard"))) == 1
    with open_indexes("memory://other", "default").draft(tmp_path) as draft:
        assert [path for path in tmp_path.iterdir() if path.is_dir()] == [draft]
    assert list(tmp_path.iterdir()) == []


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lookalike.store.publishing.STALE_SECONDS", 0.5)
    location = Location(f"memory://{tmp_path}")
    location.create(LOCK, b"1000000000 host 1")
    begun = time.monotonic()
    with publishing(location):
        assert time.monotonic() - begun > 0.5  # whatever its time says: clocks differ
        assert location.names(LOCK) == [LOCK]
    assert location.names(LOCK) == []
    told = f"waiting for process 1 on host, which holds {tmp_path}/{LOCK}; if it was killed, this"
    assert capsys.readouterr().err == f"{told} goes on in 0.5 s\n"


def test_a_lock_that_was_left_is_cleared_by_many_who_wait_for_less_than_that_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a service does: it waits for as long as a request may take."""
    monkeypatch.setattr("lookalike.store.publishing.STALE_SECONDS", 1.0)
    location = Location(f"memory://{tmp_path}")
    location.create(LOCK, b"1000000000 host 1")

    def entered() -> bool:
        begun = time.monotonic()

        def patience() -> None:
            if time.monotonic() - begun > 0.3:
                raise TimeoutError

        with suppress(TimeoutError), publishing(location, patience):
            return True
        return False

    tries = [entered()]
    while not tries[-1] and len(tries) < 50:
        tries.append(entered())
    assert tries[-1]
    assert not tries[0]
    assert location.names(LOCK) == []


def test_nobody_is_told_to_wait_for_a_lock_that_is_free(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with publishing(Location(f"memory://{tmp_path}")):
        pass
    assert capsys.readouterr().err == ""


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


@pytest.mark.parametrize("url", ["{}", "memory://{}"], ids=["local", "remote"])
def test_whoever_waits_for_a_lock_may_give_up_and_leaves_it_to_its_owner(
    tmp_path: Path, url: str
) -> None:
    location, begun = Location(url.format(tmp_path)), time.monotonic()

    def patience() -> None:
        if time.monotonic() - begun > 1:
            raise TimeoutError

    with publishing(location):
        with pytest.raises(TimeoutError), publishing(location, patience):
            pytest.fail("two hold the lock at once")
        assert time.monotonic() - begun < 5
        begun += 1000
        done = threading.Event()

        def enter() -> None:
            with publishing(location, patience):
                done.set()

        other = threading.Thread(target=enter)
        other.start()
        assert not done.wait(0.5)
    other.join()
    assert done.is_set()


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


def test_a_folder_is_not_looked_through_for_each_file_that_is_written_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []
    now = 0.0
    monkeypatch.setattr(files, "_clear_abandoned", looked.append)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for number in range(3):
        files.replace_file(tmp_path / str(number), b"")
    assert looked == [tmp_path]
    now = files.CLEAR_SECONDS
    files.create_file(tmp_path / "created", b"")
    assert looked == [tmp_path, tmp_path]


def test_new_folders_are_flushed_to_the_disk_with_what_is_written_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync", synced.append)
    files.replace_file(tmp_path / "requests" / "default" / "record", b"")
    assert {tmp_path, tmp_path / "requests", tmp_path / "requests/default"} <= set(synced)


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


@pytest.mark.parametrize(
    "act",
    [
        lambda indexes, version: indexes.set_current(version),
        lambda indexes, version: indexes.succeed(None, version),
        lambda indexes, _: prune(indexes, keep=1),
    ],
    ids=["set_current", "succeed", "prune"],
)
def test_a_publisher_whose_lock_was_taken_over_changes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Collection, str], object],
) -> None:
    """As where its machine stood still for a minute."""
    indexes = open_indexes(f"memory://{tmp_path}", "default")
    versions = [publish(indexes, content) for content in (b"a", b"b")]
    read = indexes.manifest

    def slow(version: str) -> Manifest:
        indexes.location.write(LOCK, b"1000000000 host 1 of-another 0")
        return read(version)

    monkeypatch.setattr(indexes, "manifest", slow)
    with pytest.raises(PublishConflict, match=f"took .*{LOCK} over meanwhile"):
        act(indexes, versions[0])
    assert indexes.current_or_none() is None
    assert indexes.versions() == versions
    assert indexes.location.read(LOCK) == b"1000000000 host 1 of-another 0"
