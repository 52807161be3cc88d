"""Files that change while they are read never get a stamp that is not theirs."""

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lookalike.catalogue import remote, storage
from lookalike.catalogue.storage import read_stamp, read_with_stamp
from lookalike.errors import ChangingPicture
from tests.lookalike.catalogue.objects import put


def test_a_local_file_that_is_written_to_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"first")
    time.sleep(0.05)
    reads = during_reads(monkeypatch, lambda: path.write_bytes(b"other"), times=1)
    data, stamp = read_with_stamp(path.as_uri(), 9)
    assert len(reads) == 2
    assert (data, stamp) == (b"other", read_stamp(path.as_uri()))


def test_a_local_file_that_is_replaced_while_it_is_read_keeps_the_old_one_s_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "a.png", tmp_path / "b.png"
    path.write_bytes(b"first")
    old = read_stamp(str(path))
    time.sleep(0.05)
    other.write_bytes(b"other")
    during_reads(monkeypatch, lambda: other.rename(path), times=1)
    assert read_with_stamp(path.as_uri(), 9) == (b"first", old)
    assert read_stamp(str(path)) != old  # so that the next listing shows it as changed


def during_reads(monkeypatch: pytest.MonkeyPatch, change: Any, times: int) -> list[int]:
    """Change something in the middle of the first ``times`` reads of local files."""
    reads: list[int] = []
    read = storage._read_all

    def changed(file: Any, limit: int, uri: str) -> bytes:
        data = read(file, limit, uri)
        if len(reads) < times:
            change()
        reads.append(len(data))
        return data

    monkeypatch.setattr(storage, "_read_all", changed)
    return reads


def test_a_file_that_never_settles_is_an_error_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    grow = lambda: path.write_bytes(path.read_bytes() + b"x")  # noqa: E731
    during_reads(monkeypatch, grow, times=100)
    with pytest.raises(ChangingPicture, match=r"a\.png changed during each of 5 tries"):
        read_with_stamp(str(path), 9)


def test_a_remote_object_that_is_replaced_while_it_is_read_is_read_again(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"s3://{bucket}/a.png"
    put(uri, b"first")
    listed = read_stamp(uri)
    read, reads = remote.Object.read, []

    def changed(file: remote.Object, limit: int) -> bytes:
        data = read(file, limit)
        if not reads:
            put(uri, b"other")
        reads.append(data)
        return data

    monkeypatch.setattr(remote.Object, "read", changed)
    assert read_with_stamp(uri, 9, listed) == (b"other", read_stamp(uri))
    assert reads == [b"first", b"other"]


def test_an_old_listing_costs_one_more_read_and_gives_the_new_stamp(bucket: str) -> None:
    uri = f"s3://{bucket}/a.png"
    put(uri, b"first")
    listed = read_stamp(uri)
    put(uri, b"other")
    assert read_with_stamp(uri, 9, listed) == (b"other", read_stamp(uri))


def test_bytes_and_stamp_belong_together_while_a_writer_never_stops(tmp_path: Path) -> None:
    """The stamp of the writer's contents: whatever is read must have the stamp it was given."""
    path, given, stop = tmp_path / "a.png", {}, threading.Event()
    path.write_bytes(b"00000000")

    def write() -> None:
        for number in range(1, 10**8):
            if stop.is_set():
                return
            fresh = tmp_path / "fresh"
            fresh.write_bytes(b"%08d" % number)
            given[b"%08d" % number] = read_stamp(str(fresh))
            fresh.rename(path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [read_with_stamp(str(path), 9) for _ in range(20)]
    finally:
        stop.set()
        writer.join()
    assert all(given.get(data, stamp) == stamp for data, stamp in found)


def test_a_file_as_young_as_its_clock_s_tick_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    path = tmp_path / "a.png"
    path.write_bytes(b"picture")
    read_with_stamp(str(path), 9)
    assert [0 < wait <= 0.02 for wait in waits] == [True]
    now = time.time_ns()
    os.utime(path, ns=(now, now // 10**9 * 10**9))  # a file system that keeps whole seconds
    read_with_stamp(str(path), 9)
    assert 1 <= waits[1] <= 2
    os.utime(path, ns=(now, now - 10**10))
    read_with_stamp(str(path), 9)
    assert len(waits) == 2
