"""Policies and plans as pure logic, and the numbers found in a folder."""

import os
from pathlib import Path

import pytest

from lookalike.errors import ConfigurationError
from model_server.versions import Plan, Policy, State, parse_policy, plan, scan

SERVED, ENDED = State.AVAILABLE, State.END


@pytest.mark.parametrize(
    ("text", "selected"),
    [("all", {1, 2, 10}), ("latest:1", {10}), ("latest:2", {2, 10}), ("specific:1,7", {1})],
)
def test_a_policy_selects_among_the_versions_found(text: str, selected: set[int]) -> None:
    policy = parse_policy(text)
    assert policy.select({1, 2, 10}) == selected
    assert str(policy) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "some",
        "all:1",
        "latest",
        "latest:0",
        "latest:x",
        "latest:1,2",
        "specific:",
        "specific:1,x",
    ],
)
def test_anything_else_is_no_policy(text: str) -> None:
    with pytest.raises(ConfigurationError, match="say all, latest:N or specific:1,2"):
        parse_policy(text)


def test_new_versions_are_loaded_oldest_first() -> None:
    assert plan({3, 2, 1}, {1: SERVED}) == Plan(load=[2, 3], unload=[])


def test_the_old_version_stays_until_the_new_one_is_served() -> None:
    assert plan({2}, {1: SERVED}) == Plan(load=[2], unload=[])
    assert plan({2}, {1: SERVED, 2: SERVED}) == Plan(load=[], unload=[1])


def test_a_version_that_failed_takes_nothing_away() -> None:
    assert plan({2}, {1: SERVED, 2: ENDED}).unload == []


def test_an_empty_folder_takes_everything_away() -> None:
    assert plan(set(), {1: SERVED, 2: SERVED}).unload == [1, 2]


def test_a_version_that_ended_is_loaded_again_when_it_is_wanted_again() -> None:
    assert plan({1}, {1: ENDED}).load == [1]


def test_only_numeric_folders_are_versions(tmp_path: Path) -> None:
    for name in ("1", "20", "copying-3", "latest", "-4", "5.0", "٣"):
        (tmp_path / name).mkdir()
    (tmp_path / "6").write_text("a file")
    assert scan(tmp_path).keys() == {1, 20}


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
def test_a_file_that_comes_or_changes_is_seen(tmp_path: Path, name: str) -> None:
    """Also one that is copied with its old times."""
    file = tmp_path / "1" / name
    file.parent.mkdir(parents=True)
    for path in (file.parent, tmp_path / "1"):
        os.utime(path, (1, 1))
    assert scan(tmp_path)[1].stamp == 10**9
    file.touch()
    os.utime(file, (1, 1))
    come = scan(tmp_path)[1].stamp
    assert come > 10**9
    os.utime(file, ns=(0, come + 1))
    assert scan(tmp_path)[1].stamp == come + 1


def test_leading_zeros_change_no_number(tmp_path: Path) -> None:
    for name in ("00000123", "7", "007"):
        (tmp_path / name).mkdir()
    folders = {version: found.folder.name for version, found in scan(tmp_path).items()}
    assert folders == {123: "00000123", 7: "7"}


def test_a_folder_that_does_not_exist_has_no_versions(tmp_path: Path) -> None:
    assert scan(tmp_path / "nothing") == {}


def test_the_policy_of_no_arguments_is_all() -> None:
    assert str(Policy()) == "all"
