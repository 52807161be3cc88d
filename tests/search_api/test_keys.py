"""The file of keys, and when a service starts without one."""

from pathlib import Path

import pytest
from werkzeug.datastructures import Headers

from lookalike.errors import ConfigurationError, MissingKey, MissingScope
from lookalike.settings import Settings
from search_api.keys import Keys, line_of, read_keys
from tests.services import run


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


def test_serving_without_them_is_one_line() -> None:
    made = run(["serve", "--bind", "0.0.0.0:0"], {})
    assert made.returncode != 0
    assert "LOOKALIKE_API_KEYS is not set" in made.stderr
    assert "Traceback" not in made.stderr


def test_a_key_is_shown_with_its_line() -> None:
    made = run(["api-key", "web"], {})
    key, line = (line.split(":", 1)[1].strip() for line in made.stdout.splitlines())
    assert line == line_of("web", ["search"], key)
    assert run(["api-key", "two words"], {}).returncode == 2
