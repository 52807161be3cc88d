"""Everything below a URL: against a real S3 server, and against storage that is walked."""

import socket
import sys
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import fsspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lookalike.catalogue import Picture, listing, open_catalogue
from lookalike.catalogue.bucket import Bucket
from lookalike.catalogue.folder import SIDECARS
from lookalike.catalogue.storage import read_bytes, read_stamp
from lookalike.errors import ConfigurationError, DataError, SourceUnavailable

_numbers = count()

# What a key may be made of; "." and "/" for hidden files, empty folders and the like.
KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("./ab"), min_size=1)


@pytest.fixture(params=["s3", "gs", "memory"])
def root(request: pytest.FixtureRequest) -> str:
    """An empty folder of a remote storage, as a URL."""
    if request.param == "s3":
        return f"s3://{request.getfixturevalue('bucket')}/folder"
    if request.param == "gs":
        name = f"bucket-{next(_numbers)}"
        request.getfixturevalue("gcs").mkdir(name)
        return f"gs://{name}/folder"
    return f"memory://root{next(_numbers)}/folder"


def put(root: str, *names: str) -> None:
    fs, path = fsspec.core.url_to_fs(root)
    for name in names:
        fs.pipe_file(f"{path}/{name}", name.encode())


def listed(root: str) -> list[Picture]:
    return list(Bucket(root))


def ids(root: str) -> list[str]:
    return [picture.id for picture in listed(root)]


def test_rows_are_named_by_their_key_and_labelled_by_the_first_folder(root: str) -> None:
    put(root, "bird/owl.png", "bird/night/owl.jpg", "loose.png")
    found = [(p.id, p.uri, p.label) for p in listed(root)]
    assert found == [
        ("bird/night/owl.jpg", f"{root}/bird/night/owl.jpg", "bird"),
        ("bird/owl.png", f"{root}/bird/owl.png", "bird"),
        ("loose.png", f"{root}/loose.png", None),
    ]


def test_a_slash_at_the_end_of_the_prefix_changes_nothing(root: str) -> None:
    put(root, "bird/owl.png")
    assert listed(f"{root}/") == listed(root)


def test_a_whole_bucket_can_be_listed(bucket: str) -> None:
    put(f"s3://{bucket}", "owl.png", "bird/owl.png")
    assert [p.uri for p in listed(f"s3://{bucket}")] == [
        f"s3://{bucket}/bird/owl.png",
        f"s3://{bucket}/owl.png",
    ]


def test_hidden_files_folders_and_sidecars_are_left_out(root: str) -> None:
    put(root, ".git/a.png", "bird/.a.png", "bird/labels.JSON", "bird/notes.txt", "bird/a")
    assert ids(root) == ["bird/a"]


def test_what_only_begins_like_the_prefix_is_left_out(root: str) -> None:
    put(root, "a.png")
    put(f"{root}-old", "b.png")
    assert ids(root) == ["a.png"]


def test_objects_that_stand_for_folders_are_left_out(s3: Any, bucket: str) -> None:
    s3.call_s3("put_object", Bucket=bucket, Key="folder/", Body=b"")
    s3.call_s3("put_object", Bucket=bucket, Key="folder/bird/", Body=b"")
    put(f"s3://{bucket}/folder", "bird/a.png")
    assert ids(f"s3://{bucket}/folder") == ["bird/a.png"]


def test_ids_come_sorted(root: str) -> None:
    put(root, "a/b.png", "a-b.png", "a.png", "B.png", "é.png", "z.png", "\U0001f989.png")
    assert ids(root) == sorted(ids(root))
    assert len(ids(root)) == 7


def test_the_stamp_of_the_listing_is_that_of_the_object(root: str) -> None:
    put(root, "bird/a.png", "b.png")
    assert [read_stamp(p.uri) for p in listed(root)] == [p.stamp for p in listed(root)]
    assert all(p.stamp is not None for p in listed(root))


def test_the_stamp_of_a_replaced_object_is_another(root: str) -> None:
    put(root, "a.png")
    [before] = listed(root)
    fs, path = fsspec.core.url_to_fs(root)
    fs.pipe_file(f"{path}/a.png", b"other")  # as many bytes
    [after] = listed(root)
    assert before.stamp is not None
    assert after.stamp is not None
    assert before.stamp.size == after.stamp.size
    assert before.stamp != after.stamp


def test_a_listing_can_be_gone_through_twice_and_sees_what_is_new(root: str) -> None:
    put(root, "a.png")
    pictures = Bucket(root)
    assert [p.id for p in pictures] == ["a.png"]
    put(root, "b.png")
    assert [p.id for p in pictures] == ["a.png", "b.png"]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(keys=["0.JSON"])
@given(keys=st.lists(KEYS.filter(lambda key: len(key.encode()) < 900), max_size=5, unique=True))
def test_odd_keys_come_back_as_ids_and_lead_to_their_bytes(
    s3: Any, bucket: str, keys: list[str]
) -> None:
    folder = f"folder{next(_numbers)}"
    for key in keys:
        s3.call_s3("put_object", Bucket=bucket, Key=f"{folder}/{key}", Body=key.encode())
    found = {p.id: read_bytes(p.uri, 4096) for p in Bucket(f"s3://{bucket}/{folder}")}
    sidecars = {key for key in keys if key.lower().endswith(tuple(SIDECARS))}
    hidden = {key for key in keys if "/." in f"/{key}" or key.endswith("/")}
    assert found == {key: key.encode() for key in keys if key not in hidden | sidecars}


def test_one_page_is_asked_for_before_the_first_picture_comes(
    s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"s3://{bucket}", *(f"{number:05}.png" for number in range(25)))
    monkeypatch.setattr(listing, "PAGE", 10)
    pages: list[object] = []
    pictures = Bucket(f"s3://{bucket}")
    ask = type(s3).call_s3
    monkeypatch.setattr(
        type(s3), "call_s3", lambda fs, *a, **k: pages.append(k) or ask(fs, *a, **k)
    )
    stream = iter(pictures)
    assert [p.id for p in islice(stream, 2)] == ["00000.png", "00001.png"]
    assert len(pages) == 1
    assert len(list(stream)) == 23
    assert len(pages) == 3


def test_the_pages_of_a_listing_are_asked_for_one_after_the_other(
    gcs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test's server pages nothing, so its whole answers are cut into pages here."""
    gcs.mkdir(name := f"bucket-{next(_numbers)}")
    put(f"gs://{name}", *(f"{number:05}.png" for number in range(25)))
    monkeypatch.setattr(listing, "PAGE", 10)
    pages: list[str] = []
    call = type(gcs).call

    def paged(fs: Any, *words: str, pageToken: str = "0", **options: Any) -> Any:  # noqa: N803
        pages.append(pageToken)
        start, size = int(pageToken), options["maxResults"]
        answer = call(fs, *words, **options)
        page = {"items": answer["items"][start : start + size]}
        more = start + size < len(answer["items"])
        return page | ({"nextPageToken": str(start + size)} if more else {})

    monkeypatch.setattr(type(gcs), "call", paged)
    stream = iter(Bucket(f"gs://{name}"))
    assert next(stream).id == "00000.png"
    assert pages == ["0"]
    assert len(list(stream)) == 24
    assert pages == ["0", "10", "20"]


def test_only_the_folders_on_the_way_are_listed_before_the_first_picture_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = f"memory://root{next(_numbers)}"
    put(root, "a/b/1.png", "c/2.png", "d/3.png")
    folders: list[str] = []
    kind = type(fsspec.filesystem("memory"))
    ls = kind.ls
    monkeypatch.setattr(kind, "ls", lambda fs, path, **k: folders.append(path) or ls(fs, path, **k))
    assert next(iter(Bucket(root))).id == "a/b/1.png"
    assert [folder.rpartition("/")[2] for folder in folders[1:]] == ["a", "b"]


def test_a_bucket_that_is_not_there_is_named(s3: Any) -> None:
    with pytest.raises(DataError, match="s3://nobody-has-this"):
        list(open_catalogue("s3://nobody-has-this/folder"))


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="memory://nowhere"):
        list(open_catalogue("memory://nowhere/at/all"))


def test_a_key_that_is_too_long_for_an_id_is_named() -> None:
    root = f"memory://root{next(_numbers)}"
    put(root, "x" * 4097)
    with pytest.raises(DataError, match=r"root\d+: the id 'xxx.*4097 bytes"):
        listed(root)


def test_a_scheme_that_nothing_reads_is_named() -> None:
    with pytest.raises(ConfigurationError, match="nothing reads s4:// addresses"):
        open_catalogue("s4://bucket/folder")


def test_a_missing_package_is_named_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = sys.modules["fsspec.registry"]._registry
    monkeypatch.delitem(loaded, "gs", raising=False)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'lookalike\[gcs\]'"):
        open_catalogue("gs://bucket/folder")


def test_a_password_in_a_url_is_refused_since_every_uri_would_show_it() -> None:
    with pytest.raises(ConfigurationError, match="leave it out") as caught:
        open_catalogue("sftp://me:se@cr/et@host/folder")
    assert "cr/et" not in str(caught.value)


def test_a_password_with_a_slash_is_refused_too() -> None:
    with pytest.raises(ConfigurationError, match="leave it out"):
        open_catalogue("sftp://me:se/cret@host/folder")


@pytest.mark.parametrize("folder", ["/10:30@home", ":8080/me@home", "me@host/a:b@c"])
def test_names_with_colons_and_ats_are_no_passwords(folder: str) -> None:
    root = f"memory://root{next(_numbers)}{folder}"
    put(root, "a.png")
    assert [picture.id for picture in open_catalogue(root)] == ["a.png"]


def test_the_scheme_may_be_spelt_in_any_case(bucket: str) -> None:
    put(f"s3://{bucket}/folder", "a.png")  # its bytes are its name
    [picture] = open_catalogue(f"S3://{bucket}/folder")
    assert picture.uri == f"s3://{bucket}/folder/a.png"
    assert read_bytes(f"S3://{bucket}/folder/a.png", 9) == b"a.png"


def test_a_folder_without_a_name_is_no_label(s3: Any, bucket: str) -> None:
    s3.call_s3("put_object", Bucket=bucket, Key="folder//a.png", Body=b"a")
    assert [(p.id, p.label) for p in listed(f"s3://{bucket}/folder")] == [("/a.png", None)]


def test_a_server_that_is_down_is_unavailable_where_opening_connects() -> None:
    with pytest.raises(SourceUnavailable, match=r"cannot list ftp://127\.0\.0\.1:9/photos"):
        open_catalogue("ftp://127.0.0.1:9/photos")


@pytest.fixture
def closed_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # bound and not listened at: connections are refused
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_storage_that_cannot_be_reached_is_no_bad_data(
    closed_port: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", closed_port)
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        patch.setattr(s3fs.S3FileSystem, "retries", 1)
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(SourceUnavailable, match=f"cannot list s3://{bucket}"):
            list(Bucket(f"s3://{bucket}"))
    s3fs.S3FileSystem.clear_instance_cache()
