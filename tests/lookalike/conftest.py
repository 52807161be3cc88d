"""The servers that the kernel's tests talk to."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import fsspec
import pytest

from tests.gcs_server import gcs_server
from tests.postgres_server import postgres_server
from tests.s3_server import s3_server

_numbers = count()


@pytest.fixture(scope="session")
def s3() -> Iterator[Any]:
    """A file system of a running S3 server, which every S3 URL of the tests leads to."""
    with s3_server():
        import s3fs

        yield s3fs.S3FileSystem(use_listings_cache=False)


@pytest.fixture(scope="session")
def gcs() -> Iterator[Any]:
    """A file system of a running Cloud Storage server, which every gs URL of the tests leads to."""
    with gcs_server(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(fsspec.config.conf, "gs", {"token": "anon"})
        patch.setitem(fsspec.config.conf, "gcs", {"token": "anon"})
        yield fsspec.filesystem("gs", use_listings_cache=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a running PostgreSQL server, its password included."""
    with postgres_server() as url:
        yield url


@pytest.fixture
def bucket(s3: Any) -> str:
    """The name of a new, empty bucket."""
    name = f"bucket-{next(_numbers)}"
    s3.mkdir(name)
    return name
