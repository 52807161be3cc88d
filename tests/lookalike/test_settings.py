import os
from pathlib import Path

import pytest

from lookalike.errors import ConfigurationError
from lookalike.settings import Settings, check_bind, check_otlp_endpoint, unknown_names
from search_api.listening import check_free


def test_defaults_stand_where_the_environment_says_nothing() -> None:
    settings = Settings.from_environment({"PATH": "/bin"})
    home = Path("~").expanduser()
    assert settings == Settings(cache=f"{home}/.cache/lookalike")
    assert settings.model == "embedder"


def test_variables_are_read_by_their_names_and_converted() -> None:
    settings = Settings.from_environment(
        {"LOOKALIKE_WORKERS": "3", "LOOKALIKE_POLL_SECONDS": "0.5", "LOOKALIKE_STORE": "s3://b/x"}
    )
    assert (settings.workers, settings.poll_seconds, settings.store) == (3, 0.5, "s3://b/x")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LOOKALIKE_WORKERS", "none", "has to be a whole number"),
        ("LOOKALIKE_WORKERS", "0", "has to be a whole number, 1 or more"),
        ("LOOKALIKE_POLL_SECONDS", "-1", "has to be a number, above 0"),
        ("LOOKALIKE_REQUEST_SECONDS", "inf", "has to be a number, 86400 or less"),
        ("LOOKALIKE_DRAIN_SECONDS", "inf", "has to be a number, 86400 or less"),
        ("LOOKALIKE_MAX_BODY_BYTES", "1.5", "has to be a whole number"),
        ("LOOKALIKE_INDEX", "shop/shoes", "has to be of the form [A-Za-z0-9][A-Za-z0-9._-]*"),
        ("LOOKALIKE_MODEL", "..", "has to be of the form [A-Za-z0-9][A-Za-z0-9._-]*"),
        ("LOOKALIKE_WORKERS", "\udcff", "is no text"),
        ("LOOKALIKE_ACCESS_LOG", "\udcff", "is no text"),
        ("LOOKALIKE_ACCESS_LOG", "some", "cannot be 'some': all, failed, off"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_its_variable(
    name: str, value: str, said: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_environment({name: value})
    assert str(raised.value) == f"{name} {said}"


def test_an_empty_variable_is_none_and_a_path_may_begin_at_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    given = {"LOOKALIKE_STORE": "", "LOOKALIKE_WORKERS": "", "LOOKALIKE_CACHE": "~/cache"}
    settings = Settings.from_environment({**given, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://o:4318"})
    assert (settings.store, settings.workers) == (Settings().store, Settings().workers)
    assert settings.cache == "/home/somebody/cache"
    assert settings.otlp_endpoint == "http://o:4318"


@pytest.mark.parametrize(
    ("bind", "url"), [(":8080", "http://127.0.0.1:8080"), ("10.0.0.1:80", "http://10.0.0.1:80")]
)
def test_a_service_is_found_where_it_listens(bind: str, url: str) -> None:
    assert Settings(bind=bind).service_url == url


@pytest.mark.parametrize("bind", ["localhost", "localhost:", "[::1]", "8080"])
def test_an_address_to_listen_on_has_a_port(bind: str) -> None:
    for check in (check_bind, check_free, lambda bind: Settings(bind=bind).service_url):
        with pytest.raises(ConfigurationError, match="LOOKALIKE_BIND is an address with its port"):
            check(bind)


def test_a_service_on_a_socket_that_is_a_file_has_no_url() -> None:
    check_bind("unix:/run/search.sock")
    with pytest.raises(ConfigurationError, match="name one by --url"):
        _ = Settings(bind="unix:/run/search.sock").service_url


def test_where_nobody_has_a_home_a_cache_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under any number."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 64_321)
    with pytest.raises(ConfigurationError, match=r"home folder .*: set LOOKALIKE_CACHE"):
        Settings.from_environment({})
    assert Settings.from_environment({"LOOKALIKE_CACHE": "/cache"}).cache == "/cache"


def test_names_that_are_no_settings_are_told_with_the_nearest_one() -> None:
    given = {
        "LOOKALIKE_STORES": "x",
        "LOOKALIKE_WORKER": "2",
        "LOOKALIKE_ZZZ": "",
        "LOOKALIKE_BIND": "127.0.0.1:1",
        "LOOKALIKE_KEY": "secret",
        "PATH": "/bin",
    }
    assert unknown_names(given) == {
        "LOOKALIKE_STORES": "LOOKALIKE_STORE",
        "LOOKALIKE_WORKER": "LOOKALIKE_WORKERS",
        "LOOKALIKE_ZZZ": None,
    }


def test_spans_are_sent_to_a_url() -> None:
    for endpoint in ("", "http://collector:4318", "https://collector"):
        check_otlp_endpoint(endpoint)
    with pytest.raises(ConfigurationError, match="LOOKALIKE_OTLP_ENDPOINT"):
        check_otlp_endpoint("collector:4318")
