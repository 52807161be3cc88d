"""The doctor beside a stack that runs, and how what it finds is told."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doctor import packages
from doctor.cli import SOMETHING_WRONG
from doctor.finding import Check, Finding, run_checks, warning
from doctor.settings import settings
from lookalike.settings import Settings
from tests.doctor.looking import looked, wrongs
from tests.search_api.conftest import Stack
from tests.services import run


def test_of_what_runs_all_is_well(stack: Stack) -> None:
    status, findings = looked(stack.environment, "--url", stack.url, "--deep")
    assert wrongs(findings) == {}
    assert status == 0
    assert {one.check for one in findings} == {
        *(
            "packages",
            "settings",
            "weights",
            "cache",
            "store",
            "models",
            "index",
            "memory",
            "model server",
        ),
        "service",
    }


def test_people_get_a_line_each_with_what_to_do(broken: dict[str, str]) -> None:
    done = run(["doctor"], {**broken, "LOOKALIKE_MODEL_SERVER_REST": "http://127.0.0.1:9"})
    assert done.returncode == SOMETHING_WRONG
    assert "ok       store: " in done.stdout
    assert "WRONG    model server: " in done.stdout
    assert "→ start it ('lookalike model-server')" in done.stdout


def test_a_setting_that_is_none_is_told_and_named() -> None:
    status, findings = looked({"LOOKALIKE_WORKERS": "many"})
    assert status == SOMETHING_WRONG
    assert "LOOKALIKE_WORKERS" in wrongs(findings)["settings"].said


def test_an_empty_machine_is_told_how_to_begin(tmp_path: Path) -> None:
    environment = {
        "LOOKALIKE_STORE": str(tmp_path / "none"),
        "LOOKALIKE_CACHE": str(tmp_path / "cache"),
        "LOOKALIKE_BIND": "127.0.0.1:9",
    }
    status, findings = looked(environment)
    assert status == SOMETHING_WRONG
    assert wrongs(findings).keys() == {"store", "index"}
    assert wrongs(findings)["index"].type == "nothing-published"
    assert "reindex" in wrongs(findings)["index"].advice
    assert any(one.check == "service" and one.state == "warning" for one in findings)


def test_a_check_that_fails_stops_no_other() -> None:
    def fails() -> Iterator[Finding]:
        yield warning("first", "so far", "go on")
        raise ZeroDivisionError("by day")

    def works() -> Iterator[Finding]:
        yield warning("second", "there", "rest")

    told = list(run_checks([Check("first", fails), Check("second", works)]))
    assert [one.check for one in told] == ["first", "first", "second"]
    assert told[1].state == "wrong"
    assert told[1].said == "ZeroDivisionError: by day"


def test_the_json_is_for_programs(stack: Stack) -> None:
    done = run(["doctor", "--json"], stack.environment)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert {"check", "state", "said", "advice", "type"} == set(found[0])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"LOOKALIKE_API_KEYS": "/none/keys.txt"}, "the API keys in /none/keys.txt cannot be read"),
        ({"LOOKALIKE_BIND": "0.0.0.0:9"}, "LOOKALIKE_API_KEYS is not set"),
        ({"LOOKALIKE_URL_HOSTS": "a b"}, "LOOKALIKE_URL_HOSTS lists no host"),
        ({"LOOKALIKE_OTLP_ENDPOINT": "collector:4318"}, "LOOKALIKE_OTLP_ENDPOINT is a URL"),
        ({"LOOKALIKE_MODEL_SERVER_REST": "models:8501"}, "LOOKALIKE_MODEL_SERVER_REST is a URL"),
    ],
)
def test_settings_that_the_service_refuses_are_wrong(given: dict[str, str], told: str) -> None:
    refused = run(["serve"], given)
    assert told in refused.stderr
    found = wrongs(looked(given)[1])["settings"]
    assert told in found.said
    assert "lookalike serve" in found.advice
    assert found.type == "bad-configuration"


def test_a_name_that_is_no_setting_is_told_with_the_nearest() -> None:
    findings = looked({"LOOKALIKE_STROE": "/srv/store"})[1]
    [told] = [one for one in findings if one.check == "settings"]
    assert (told.state, told.advice) == ("warning", "is it LOOKALIKE_STORE?")
    assert "LOOKALIKE_STROE" in told.said


def test_what_spans_need_is_told_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "requires", lambda _: ['nonesuch; extra == "tracing"'])
    given = Settings(otlp_endpoint="http://127.0.0.1:4318")
    [told] = settings(given)
    assert told.state == "wrong"
    assert "nonesuch is not installed" in told.said
    assert told.advice == "pip install 'lookalike[tracing]'"
    # As in the toolbox, whose image has no service.
    without = ['nonesuch; extra == "tracing"', 'nonesuch; extra == "search"']
    monkeypatch.setattr(packages, "requires", lambda _: without)
    assert [one.state for one in settings(given)] == ["ok"]


def test_any_encoding_and_any_bytes_of_a_path_are_printed(tmp_path: Path) -> None:
    store = os.fsencode(tmp_path) + b"/\xff"
    for flags, encoding in ((["--json"], "utf-8"), ([], "latin-1"), ([], "ascii"), ([], "utf-8")):
        done = subprocess.run(
            [sys.executable, "-m", "lookalike", "doctor", *flags],
            env={**os.environb, b"LOOKALIKE_STORE": store, b"PYTHONIOENCODING": encoding.encode()},
            capture_output=True,
            check=False,
        )
        assert done.returncode == SOMETHING_WRONG
        assert b"Traceback" not in done.stderr
        told = done.stdout.decode(encoding)
        assert "\\udcff" in told
        assert ("→" in told) == (not flags and encoding == "utf-8")
        assert ("-> " in told) == (encoding != "utf-8")
