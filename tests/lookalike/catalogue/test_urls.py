import pytest

from lookalike.catalogue.urls import absolute_uri, local_path, redacted, scheme_of


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [
        ("s3://bucket/a.png", "s3"),
        ("S3://bucket/a.png", "s3"),
        ("postgresql+psycopg://host/shop", "postgresql+psycopg"),
        ("file:///a.png", "file"),
        ("file:/a.png", "file"),
        ("/a://b.png", ""),
        ("a:b.png", ""),
        ("bird/a.png", ""),
        ("1://a", ""),
        ("", ""),
    ],
)
def test_a_url_is_told_from_a_path_by_its_scheme(uri: str, scheme: str) -> None:
    assert scheme_of(uri) == scheme


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/a b#%20.png", "/a b#%20.png"),
        ("file:///a%20b%23.png", "/a b#.png"),
        ("file:/a.png", "/a.png"),
        ("FILE://localhost/a.png", "/a.png"),
        ("s3://bucket/a.png", None),
    ],
)
def test_the_path_of_a_local_file(uri: str, path: str | None) -> None:
    assert local_path(uri) == path


def test_a_file_url_that_is_none_has_no_path() -> None:
    with pytest.raises(OSError, match="is no URL"):
        local_path("file://[bad/a.png")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/a@b.png", "s3://bucket/a@b.png"),
        ("/home/a:b@c.png", "/home/a:b@c.png"),
        ("sftp://me@host/a.png", "sftp://me@host/a.png"),
        ("sftp://me:secret@host/a.png", "sftp://***@host/a.png"),
        ("sftp://me:se/c@r?e#t@host/a.png", "sftp://***@host/a.png"),
        ("https://host/a.png?signature=secret", "https://host/a.png"),
        ("s3://bucket/what?.png", "s3://bucket/what?.png"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert redacted(url) == shown


@pytest.mark.parametrize(
    ("uri", "base", "absolute"),
    [
        ("a b.png", "/data", "file:///data/a%20b.png"),
        ("../a.png", "/data/x", "file:///data/a.png"),
        ("a//b.png", "s3://bucket/x", "s3://bucket/x/a//b.png"),
        ("./../a.png", "s3://bucket/x/y/", "s3://bucket/x/a.png"),
        ("../../../a.png", "s3://bucket/x", "s3://bucket/a.png"),
        ("a.png", "s3://bucket", "s3://bucket/a.png"),
        ("gs://b/../c", "s3://bucket", "gs://b/../c"),
        ("/a#.png", "s3://bucket", "file:///a%23.png"),
        ("FILE:///a%23.png", "s3://bucket", "file:///a%23.png"),
        ("File:/a.png", "/data", "file:/a.png"),
        ("x/a#b.jpg", "http://host/shop", "http://host/shop/x/a%23b.jpg"),
        ("q?x.jpg", "https://host/shop", "https://host/shop/q%3Fx.jpg"),
        ("%41.jpg", "HTTPS://host", "HTTPS://host/%2541.jpg"),
        ("../a é.jpg", "http://host/a%20b/c", "http://host/a%20b/a%20%C3%A9.jpg"),
    ],
)
def test_a_place_becomes_an_absolute_uri(uri: str, base: str, absolute: str) -> None:
    assert absolute_uri(uri, base) == absolute


def test_a_relative_place_needs_something_that_it_is_relative_to() -> None:
    with pytest.raises(ValueError, match="relative path"):
        absolute_uri("a.png", "")
