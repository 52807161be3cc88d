"""A store in a bucket that nobody reaches: told as what it is, in an answer and once in the log."""

import logging
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from demo.processes import free_port
from lookalike.changes import open_changes
from lookalike.errors import StoreError
from lookalike.settings import Settings
from lookalike.store import open_indexes, open_models
from search_api.app import bare_app
from search_api.at_hand import EXTENSION
from search_api.caller import Caller
from search_api.changes import Changes
from search_api.operating import roll_back
from search_api.problems import failed
from search_api.replica import Replica
from search_api.writing import delete
from tests.s3_server import ENVIRONMENT

STORE = "s3://away/store"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Lead every S3 client to where nobody answers."""
    import s3fs  # type: ignore[import-untyped]

    place = f"127.0.0.1:{free_port(0)}"
    once = {"AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true"}
    for name, value in {**ENVIRONMENT, **once, "AWS_ENDPOINT_URL": f"http://{place}"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    yield place
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_change_is_not_written(host: str) -> None:
    with pytest.raises(StoreError, match="the change cannot be written: see the log") as told:
        delete("a", None, open_changes(STORE, "default"))
    assert host not in str(told.value)


def test_nothing_is_gone_back_to(host: str) -> None:
    indexes, models = open_indexes(STORE, "default"), open_models(STORE, "embedder")
    for version in (None, "20260101T000000Z-000000000000"):
        with pytest.raises(StoreError, match="the versions cannot be read") as told:
            roll_back(indexes, models, version, Caller(time.monotonic() + 30))
        assert host not in str(told.value)


@pytest.mark.parametrize("path", ["/index", "/index/versions", "/models"])
def test_what_lies_in_the_store_is_not_told(host: str, path: str) -> None:
    app = bare_app()
    app.register_error_handler(Exception, failed)
    details = SimpleNamespace(name="default")
    index = SimpleNamespace(name="1", details=details, added=0)
    app.extensions[EXTENSION] = SimpleNamespace(
        allow=lambda *_: None,
        serving=lambda: SimpleNamespace(index=index),
        replica=SimpleNamespace(serving_or_none=None),
        indexes=open_indexes(STORE, "default"),
        models=open_models(STORE, "embedder"),
    )
    answer = app.test_client().get(path)
    assert answer.status_code == 503
    assert '"urn:lookalike:problem:store-error"' in answer.text
    assert "Retry-After" in answer.headers
    assert host not in answer.text


def test_changes_cannot_be_looked_at(host: str) -> None:
    version: Any = SimpleNamespace(apply=lambda log: log.news())
    with pytest.raises(StoreError, match="the changes cannot be read") as told:
        Changes(open_changes(STORE, "default"), lambda: [version]).look()
    assert host not in str(told.value)


def test_a_replica_tells_it_once(
    host: str, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    replica = Replica(Settings(store=STORE, cache=str(tmp_path)))
    with caplog.at_level(logging.WARNING, "search_api.replica"):
        for _ in range(3):
            replica.refresh()
    assert isinstance(replica.problem, StoreError)
    assert host not in str(replica.problem)
    [told] = caplog.messages
    assert host in told
