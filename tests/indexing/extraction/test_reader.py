"""Reading processes: what they import, what they say, how they end."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexing.extraction.known import as_digests, sort_digests
from indexing.extraction.messages import Request, Wanted, decode_reply, decode_request, encode
from indexing.extraction.reader import Work, answer, read
from lookalike.catalogue import Folder, Stamp
from lookalike.catalogue.storage import read_stamp
from lookalike.picture import PictureContract, read_picture
from tests.indexing.extraction import crashing
from tests.pictures import write_pictures
from tests.services import until

ROOT = Path(__file__).parents[3]
CONTRACT = PictureContract(size=32)


def work(known: list[bytes] | None = None, max_file_bytes: int = 10**8) -> Work:
    return Work(CONTRACT, max_file_bytes, 10**8, sort_digests([as_digests(known or [])]))


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [item.path for item in Folder(write_pictures(tmp_path / "p", labels=1, each=4))]


def slots(count: int) -> np.ndarray:
    return np.zeros((count, 32, 32, 3), np.uint8)


def test_pixels_lie_in_the_first_slots_without_gaps(paths: list[Path]) -> None:
    paths[1].write_bytes(b"no picture")
    paths[2].unlink()
    room = slots(6)
    reply = answer(Request(0, 1, [Wanted(path.as_uri()) for path in paths]), room, work())
    assert [item.kind for item in reply.found] == ["pixels", "rejected", "missing", "pixels"]
    assert np.array_equal(room[1], read_picture(paths[0].read_bytes(), CONTRACT))
    assert np.array_equal(room[2], read_picture(paths[3].read_bytes(), CONTRACT))
    assert not room[[0, 3, 4, 5]].any()


def test_a_picture_on_a_host_that_is_down_is_not_missing() -> None:
    found = read(Wanted("http://127.0.0.1:9/a.png"), slots(1)[0], work())
    assert (found.kind, found.type, found.stamp) == ("rejected", "unreadable", None)


@pytest.mark.parametrize("uri", ["http://[bad/a.png", "http://me:pw@[bad/a", "file://[bad/a.png"])
def test_an_address_that_is_none_is_the_fault_of_its_picture_alone(uri: str) -> None:
    found = read(Wanted(uri), slots(1)[0], work())
    assert found.kind in ("missing", "rejected")
    assert "pw" not in str(found)


def test_a_known_digest_is_not_decoded(paths: list[Path]) -> None:
    digest = hashlib.sha256(paths[0].read_bytes()).digest()
    room = slots(1)
    found = read(Wanted(paths[0].as_uri()), room[0], work([digest]))
    assert (found.kind, found.sha256) == ("known", digest)
    assert found.stamp == read_stamp(paths[0].as_uri())
    assert not room.any()


def test_a_file_as_it_is_expected_is_not_read(paths: list[Path]) -> None:
    uri = paths[0].as_uri()
    stamp = read_stamp(uri)
    assert read(Wanted(uri, None, stamp), slots(1)[0], work()).kind == "same"
    paths[0].write_bytes(b"other")
    assert read(Wanted(uri, None, stamp), slots(1)[0], work()).kind == "rejected"


def test_a_file_over_the_limit_is_not_read(paths: list[Path]) -> None:
    found = read(Wanted(paths[0].as_uri()), slots(1)[0], work(max_file_bytes=10))
    assert (found.kind, found.type) == ("rejected", "picture-too-large")
    assert found.detail == "the file has more than 10 bytes"


def test_a_file_over_the_limit_has_its_stamp_so_that_it_is_not_tried_again(
    paths: list[Path],
) -> None:
    uri = paths[0].as_uri()
    stamp = read_stamp(uri)
    for listed in (None, stamp):
        found = read(Wanted(uri, listed, None), slots(1)[0], work(max_file_bytes=10))
        assert found.stamp == stamp
    grown = read(Wanted(uri, Stamp(5, 1), None), slots(1)[0], work(max_file_bytes=10))
    assert (grown.type, grown.stamp) == ("picture-too-large", None)


def test_what_is_wrong_does_not_say_where_the_file_is(tmp_path: Path) -> None:
    """However long its place is, and however it is spelt: what stands beside it has the id."""
    folder = tmp_path / ("ü" * 100) / ("ä" * 100)
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"picture")
    uri = (folder / "a.jpg").as_uri()
    for spelt in (uri, uri.replace("file:", "FILE:")):
        found = read(Wanted(spelt), slots(1)[0], work(max_file_bytes=6))
        assert found.detail == "the file has more than 6 bytes"
    nowhere = read(Wanted("file:secret/a.jpg"), slots(1)[0], work())
    assert "secret" not in str(nowhere.detail)


def test_storage_that_fails_leaves_no_stamp_so_that_it_is_tried_again(tmp_path: Path) -> None:
    found = read(Wanted(tmp_path.as_uri()), slots(1)[0], work())
    assert (found.kind, found.type, found.stamp) == ("rejected", "unreadable", None)


def test_messages_come_through(paths: list[Path]) -> None:
    request = Request(3, 1, [Wanted(paths[0].as_uri(), None, read_stamp(paths[0].as_uri()))])
    assert decode_request(encode(request)) == request
    reply = answer(Request(0, 0, [Wanted(paths[0].as_uri())]), slots(1), work())
    assert decode_reply(encode(reply)) == reply


def test_a_reading_process_imports_nothing_heavy() -> None:
    program = (
        "import sys, indexing.extraction.reader\n"
        "heavy = {'tensorflow', 'faiss', 'grpc', 'pyarrow', 'keras', 'requests'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"


PARENT = """
import os, signal, sys
from indexing.extraction import child
from indexing.extraction.blocks import PixelBlocks
from indexing.extraction.known import sort_digests
from indexing.extraction.messages import Request, Wanted
from indexing.extraction.reader import Work
from lookalike.picture import PictureContract
from tests.indexing.extraction import crashing

if __name__ == "__main__":
    child.reader.serve = crashing.serve
    work = Work(PictureContract(size=32), 10**8, 10**8, sort_digests([]))
    children = [child.Child(PixelBlocks.create(1, 1, 32), work) for _ in range(2)]
    for process in children:
        process.await_start()
    children[0].ask(Request(0, 0, [Wanted(uri) for uri in sys.argv[1:]]))
    print(*(process._process.pid for process in children), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_reading_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    """Also one that is within a decoder that would never end."""
    (tmp_path / "never").write_bytes(crashing.HANGING)
    (tmp_path / "program.py").write_text(PARENT)
    finished = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), (tmp_path / "never").as_uri()],
        stdout=subprocess.PIPE,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    readers = [Path("/proc") / pid for pid in finished.stdout.decode().split()]
    assert len(readers) == 2
    until(lambda: not any(alive(reader) for reader in readers), 20, "the readers' end")


def alive(process: Path) -> bool:
    """A process that has ended and waits to be reaped is not alive."""
    try:
        return " Z " not in (process / "stat").read_text()
    except OSError:
        return False
