"""Reading bytes and stamps: local files, and objects over HTTP."""

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.catalogue import Folder, Stamp, remote
from lookalike.catalogue.storage import open_file, read_bytes, read_stamp, read_with_stamp
from lookalike.catalogue.urls import local_path
from lookalike.errors import ConfigurationError, PictureTooLarge
from tests.answering import answering
from tests.lookalike.catalogue.objects import put

_numbers = count()
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=60
).filter(lambda name: name not in (".", ".."))


@pytest.fixture(params=["path", "file", "memory", "s3", "gs"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where one file may be: the ways in which a picture's URI can be spelt."""
    if request.param == "s3":
        return f"s3://{request.getfixturevalue('bucket')}/a b#é.png"
    if request.param == "gs":
        name = f"storage-{next(_numbers)}"
        request.getfixturevalue("gcs").mkdir(name)
        return f"gs://{name}/a b#é.png"
    if request.param == "memory":
        return f"memory://root{next(_numbers)}/a b#é.png"
    path = tmp_path / "a b#é.png"
    return str(path) if request.param == "path" else path.as_uri()


def test_bytes_and_stamp_are_read(uri: str) -> None:
    put(uri, b"picture")
    stamp = read_stamp(uri)
    assert stamp is not None
    assert stamp.size == 7
    assert read_bytes(uri, 7) == b"picture"
    assert read_with_stamp(uri, 7) == (b"picture", stamp)
    assert read_with_stamp(uri, 7, listed=stamp) == (b"picture", stamp)


def test_an_empty_file_has_no_bytes(uri: str) -> None:
    put(uri, b"")
    assert read_bytes(uri, 10) == b""
    assert read_with_stamp(uri, 10)[0] == b""


def test_a_file_can_be_read_from_within(uri: str) -> None:
    put(uri, b"picture")
    with open_file(uri) as file:
        file.seek(3)
        assert file.read(2) == b"tu"


def test_a_file_over_the_limit_is_refused(uri: str) -> None:
    put(uri, b"picture")
    for read in (read_bytes, read_with_stamp):
        with pytest.raises(PictureTooLarge, match="has more than 6 bytes"):
            read(uri, 6)


def test_nothing_is_downloaded_of_an_object_that_is_told_to_be_over_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri = f"memory://root{next(_numbers)}/a.png"
    put(uri, b"picture")
    monkeypatch.delattr(remote.Object, "read")
    for listed in (None, read_stamp(uri)):
        with pytest.raises(PictureTooLarge, match="has more than 6 bytes"):
            read_with_stamp(uri, 6, listed)


def test_a_file_that_is_not_there_is_told_so(uri: str) -> None:
    if uri.startswith("memory:"):
        put(uri.replace("a b", "other"), b"")
    for read in (read_stamp, lambda uri: read_bytes(uri, 9), lambda uri: read_with_stamp(uri, 9)):
        with pytest.raises(FileNotFoundError):
            read(uri)


def test_a_folder_is_no_file(uri: str) -> None:
    folder = uri.replace("a b#é.png", "folder").replace("a%20b%23%C3%A9.png", "folder")
    if (path := local_path(uri)) is not None:
        (Path(path).parent / "folder").mkdir()
    else:
        put(f"{folder}/a.png", b"picture")
    for read in (read_bytes, read_with_stamp):
        with pytest.raises(OSError, match=r"folder"):
            read(folder, 100)


def test_a_pipe_is_refused_and_not_waited_at(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a file"):
        read_bytes(str(tmp_path / "pipe"), 100)


@pytest.mark.parametrize("uri", ["bird/a.png", "file:bird/a.png", "/a\0b", "file:///a%00b", ""])
def test_what_is_no_place_is_refused(uri: str) -> None:
    with pytest.raises(OSError, match="neither a URL nor an absolute path"):
        read_bytes(uri, 100)


@given(name=NAMES.filter(lambda name: len(name.encode()) < 256))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_file_name_survives_the_way_through_a_uri(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(name.encode())
    assert read_bytes(path.as_uri(), 300) == name.encode()
    path.unlink()


def test_a_name_that_is_no_unicode_is_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    path.write_bytes(b"picture")
    [picture] = Folder(tmp_path)
    assert read_with_stamp(picture.uri, 9) == (b"picture", picture.stamp)


def test_a_scheme_that_nothing_reads_is_named() -> None:
    with pytest.raises(ConfigurationError, match="nothing reads s4:// addresses"):
        read_bytes("s4://bucket/a.png", 9)


def test_spawned_processes_read_remote_files_too(bucket: str) -> None:
    uri = f"s3://{bucket}/a.png"
    put(uri, b"picture")
    assert read_bytes(uri, 9) == b"picture"  # this process has a connection of its own
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(read_bytes, [uri] * 4, [9] * 4)) == [b"picture"] * 4


def test_the_file_system_of_a_scheme_is_made_once_a_process(bucket: str) -> None:
    first, _ = remote.file_system(f"s3://{bucket}/a.png")
    again, path = remote.file_system(f"s3://{bucket}/b::c.png")
    assert first is again
    assert path == f"{bucket}/b::c.png"


def test_errors_of_a_remote_storage_show_no_password() -> None:
    uri = "http://me:secret@127.0.0.1:9/a.png?signature=private"
    with pytest.raises(OSError, match=r"127\.0\.0\.1:9/a\.png") as caught:
        read_bytes(uri, 9)
    assert "secret" not in str(caught.value)
    assert "private" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, FileNotFoundError),
        (410, FileNotFoundError),
        (403, PermissionError),
        (500, ConnectionError),
    ],
)
def test_a_web_host_that_is_in_trouble_has_not_lost_a_file(
    status: int, kind: type[OSError]
) -> None:
    with answering(lambda _: (status, b"")) as port:
        for ask in (read_stamp, lambda uri: read_with_stamp(uri, 9), open_file):
            with pytest.raises(kind):
                ask(f"http://127.0.0.1:{port}/a.png")


def test_a_web_host_that_is_down_has_not_lost_a_file() -> None:
    for ask in (read_stamp, lambda uri: read_with_stamp(uri, 9), open_file):
        with pytest.raises(ConnectionError, match="Cannot connect to host"):
            ask("http://127.0.0.1:9/a.png")


def test_a_storage_that_tells_neither_etag_nor_time_has_no_stamp() -> None:
    fs = fsspec.filesystem("data")
    assert remote.stamp_of(fs, {"name": "a", "size": 3, "type": "file"}) is None
    assert remote.stamp_of(fs, {"name": "a", "size": None, "type": "file", "ETag": "x"}) is None
    assert remote.stamp_of(fs, {"name": "a", "size": "3", "etag": '"x"'}) == Stamp(3, etag="x")
    at = {"size": 3, "updated": "2024-01-01T00:00:00.000001+00:00"}
    assert remote.stamp_of(fs, at) == Stamp(3, 1704067200000001000)


def test_a_program_that_reads_no_catalogue_loads_nothing_for_it() -> None:
    program = (
        "import sys, lookalike.catalogue, lookalike.catalogue.storage\n"
        "print([m for m in ('fsspec', 'pyarrow', 'sqlalchemy', 's3fs') if m in sys.modules])\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout == "[]\n"
