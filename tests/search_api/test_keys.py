"""The file of keys, and when a service starts without one."""

import json
import threading
from functools import partial
from pathlib import Path

import gevent
import pytest
import requests
from werkzeug.datastructures import Headers

from lookalike.errors import ConfigurationError, MissingKey, MissingScope, RateLimited
from lookalike.key_file import Key, Rate, line_of, read_keys
from lookalike.settings import Settings
from search_api.apart import run_beside
from search_api.keys import Keys
from tests.search_api.conftest import Stack
from tests.search_api.test_search import assert_problem
from tests.services import run, run_here, search_service, status, until


def test_lines_are_read_back(tmp_path: Path) -> None:
    lines = [
        "# ours",
        "",
        line_of("web", ["search"], "a"),
        line_of("all", ["search", "admin"], "b"),
    ]
    (tmp_path / "keys").write_text("\n".join(lines))
    keys = Keys(tmp_path / "keys")
    keys.check(Headers({"X-API-Key": "a"}), "search")
    keys.check(Headers({"Authorization": "bearer b"}), "admin")
    with pytest.raises(MissingScope):
        keys.check(Headers({"X-API-Key": "a"}), "admin")
    with pytest.raises(MissingKey):
        keys.check(Headers({"X-API-Key": "c"}), "search")
    assert [key.name for key in read_keys(tmp_path / "keys")] == ["web", "all"]


@pytest.mark.parametrize(
    "line", ["web", "web search", "web all " + "0" * 64, "web search 00", "web search " + "x" * 64]
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "keys").write_text(f"{line_of('web', ['search'], 'a')}\n{line}\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        Keys(tmp_path / "keys")


@pytest.mark.parametrize("bind", ["127.0.0.1:80", "[::1]:80", "localhost:1", "unix:/run/x"])
def test_a_service_that_nobody_else_reaches_needs_no_keys(bind: str) -> None:
    Keys.of(Settings(bind=bind)).check(Headers(), "admin")


@pytest.mark.parametrize("bind", ["0.0.0.0:80", "10.0.0.1:80", "[::]:80", "shop.internal:80"])
def test_a_service_that_others_reach_has_keys_or_says_off(bind: str) -> None:
    with pytest.raises(ConfigurationError, match="lookalike api-key"):
        Keys.of(Settings(bind=bind))
    off = Keys.of(Settings(bind=bind, api_keys="off"))
    off.check(Headers(), "search")
    with pytest.raises(MissingKey):
        off.check(Headers(), "admin")


def test_a_line_may_have_a_rate(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    lines = [line_of("web", ["search"], "a", Rate(20, 40)), line_of("slow", ["search"], "b")]
    path.write_text("\n".join([*lines, f"{lines[1]} 0.5"]))
    assert [key.rate for key in read_keys(path)] == [Rate(20, 40), None, Rate(0.5, 1)]
    for wrong in ("0", "-1", "fast", "inf", "nan", "20/0", "20/x", "1 2"):
        path.write_text(f"{lines[1]} {wrong}")
        with pytest.raises(ConfigurationError, match="line 1"):
            read_keys(path)


def test_keys_without_a_rate_have_the_usual_one(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{line_of('a', ['search'], 'a')}\n{line_of('b', ['search'], 'b', Rate(9, 9))}")
    keys = Keys.of(Settings(api_keys=str(path), key_rate=0.001, workers=1))
    usual, own = (keys.check(Headers({"X-API-Key": key}), "search") for key in "ab")
    keys.spend(usual)
    with pytest.raises(RateLimited):
        keys.spend(usual)
    keys.spend(own, 9)
    unlimited = Keys.of(Settings(api_keys=str(path)))
    unlimited.spend(usual, 1000)
    unlimited.spend(None, 1000)


def test_the_service_refuses_a_key_that_asks_too_much(stack: Stack, tmp_path: Path) -> None:
    made = run_here(
        ["api-key", "web", "--rate", "0.01", "--burst", "4", "--file", f"{tmp_path}/k"], {}
    )
    headers = {"X-API-Key": made.stdout.strip()}
    environment = {**stack.environment, "LOOKALIKE_API_KEYS": str(tmp_path / "k")}
    one = {"id": "label-0/3.png", "k": 1}
    with search_service(environment, tmp_path / "log") as url:
        until(lambda: status(f"{url}/readyz") == 200, what="readiness")
        image = f"{url}/pictures/label-0/3.png/image"
        for _ in range(24):  # as a page shows what was found, for one of the four
            assert requests.get(image, headers=headers, timeout=30).status_code == 200
        explained = {"id": one["id"], "hits": ["label-0/1.png", "label-1/1.png", "label-0/1.png"]}
        asked = partial(requests.post, f"{url}/explain", json=explained, headers=headers)
        search = partial(requests.post, f"{url}/search", json=one, headers=headers, timeout=30)
        batch = {"queries": [one] * 2}
        done = requests.post(f"{url}/search/batch", json=batch, headers=headers, timeout=30)
        assert done.status_code == 200
        assert_problem(asked(timeout=30), 429, "rate-limited")  # it counts as two
        assert search().status_code == 200
        refused = search()
        assert_problem(refused, 429, "rate-limited")
        assert 90 <= int(refused.headers["Retry-After"]) <= 100
        metrics = requests.get(f"{url}/metrics", timeout=30).text
    assert 'lookalike_problems_total{type="rate-limited"} 2.0' in metrics


def test_serving_without_them_is_one_line() -> None:
    made = run(["serve", "--bind", "0.0.0.0:0"], {})
    assert made.returncode != 0
    assert "LOOKALIKE_API_KEYS is not set" in made.stderr
    assert "Traceback" not in made.stderr


def test_a_key_is_shown_with_its_line() -> None:
    as_json = json.loads(run_here(["api-key", "web", "--json"], {}).stdout)
    assert as_json["line"] == line_of("web", ["search"], as_json["key"])
    made = run_here(["api-key", "web"], {})
    key, line = (line.split(":", 1)[1].strip() for line in made.stdout.splitlines())
    assert line == line_of("web", ["search"], key)
    assert run_here(["api-key", "two words"], {}).returncode == 2
    assert run_here(["api-key", "web", "--burst", "2"], {}).returncode == 2
    assert run_here(["api-key", "web", "--rate", "20"], {}).stdout.endswith(" 20/20\n")


def test_a_key_is_added_to_a_file_as_a_line_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(line_of("web", ["search"], "secret"))  # without an end
    added = run(["api-key", "office", "--admin", "--file", str(file)], {})
    assert [key.name for key in read_keys(file)] == ["web", "office"]
    assert line_of("office", ["search", "admin"], added.stdout.strip()) in file.read_text()
    assert run_here(["api-key", "shop", "--file", str(tmp_path / "new")], {}).returncode == 0
    assert [key.name for key in read_keys(tmp_path / "new")] == ["shop"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["web"], "has a key called 'web' already"),
        (["shop", "--rate", "nan"], "nan is not a finite number"),
        (["shop", "--rate", "inf"], "inf is not a finite number"),
    ],
)
def test_a_key_that_the_service_would_not_take_is_not_added(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    file = tmp_path / "keys"
    file.write_text(before := line_of("web", ["search"], "secret") + "\n")
    refused = run_here(["api-key", *arguments, "--file", str(file)], {})
    assert refused.returncode == 2
    assert told in refused.stderr
    assert file.read_text() == before


def test_a_key_goes_into_no_file_that_cannot_be_written(tmp_path: Path) -> None:
    refused = run_here(["api-key", "web", "--file", str(tmp_path / "no" / "keys")], {})
    assert refused.returncode == 2
    assert refused.stderr.endswith(
        "cannot be written: No such file or directory [bad-configuration]\n"
    )


def test_a_file_that_is_empty_for_a_moment_takes_no_key_away(tmp_path: Path) -> None:
    """Whoever writes it anew begins with nothing; all of them are revoked at the second look."""
    file = tmp_path / "keys"
    line = line_of("web", ["search"], "secret")
    file.write_text(f"{line}\n")
    keys, headers = Keys(file), Headers({"X-API-Key": "secret"})
    for content in ("", f"{line}\n", ""):
        file.write_text(content)
        keys.look()
        assert keys.check(headers, "search") is not None
    keys.look()
    with pytest.raises(MissingKey):
        keys.check(headers, "search")


def test_while_their_file_hangs_requests_are_answered_by_the_keys_there_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, back = tmp_path / "keys", threading.Event()
    file.write_text(line_of("web", ["search"], "secret"))
    keys, headers = Keys(file), Headers({"X-API-Key": "secret"})

    def hang(path: Path) -> list[Key]:
        assert back.wait(60)
        return read_keys(path)

    monkeypatch.setattr("search_api.keys.read_keys", hang)
    file.write_text("")
    looking = gevent.spawn(keys.look)
    gevent.sleep(0)  # lets it begin
    assert gevent.spawn(keys.check, headers, "search").get(timeout=30) is not None
    assert gevent.spawn(run_beside, lambda: "metrics").get(timeout=30) == "metrics"
    assert not looking.ready()
    back.set()
    looking.get()


def test_the_service_refuses_a_key_that_was_taken_out_of_the_file_within_seconds(
    stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    file.write_text(line_of("web", ["search"], "secret"))
    environment = {**stack.environment, "LOOKALIKE_API_KEYS": str(file)}
    with search_service(environment, tmp_path / "log") as url:
        until(lambda: status(f"{url}/readyz") == 200, what="readiness")
        picture = f"{url}/pictures/label-0/3.png"
        asked = partial(requests.get, picture, headers={"X-API-Key": "secret"}, timeout=30)
        assert asked().status_code == 200
        file.write_text(line_of("other", ["search"], "another"))
        until(lambda: asked().status_code == 401, 10, "the end of the key")


def test_a_file_that_cannot_be_read_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    file.write_text(line_of("web", ["search"], "secret"))
    keys = Keys(file)
    file.write_text("wrong")
    for _ in range(3):
        keys.look()
    [told] = caplog.records
    assert "line 1" in told.getMessage()
