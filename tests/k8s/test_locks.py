"""What the images install: each package by its hashes, at the version of constraints.txt."""

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution, metadata, version

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from k8s.lock_images import BUILD, EXTRAS, LOCKS, ROOT, UNUSED, find_uv
from lookalike.errors import ConfigurationError

LOCK = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)((?: --hash=sha256:[0-9a-f]{64})+)$")


def packages(name: str) -> dict[str, str]:
    """Read a lock into versions by name; every line that is none is a failure."""
    lines = (LOCKS / f"{name}.txt").read_text().replace("\\\n", "").splitlines()
    matches = [LOCK.match(re.sub(" +", " ", line)) for line in lines if not line.startswith("#")]
    assert all(matches)
    return {canonicalize_name(match[1]): match[2] for match in matches if match}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    words = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): pinned for name, pinned in words}


def needed(requirements: Iterable[Requirement]) -> set[str]:
    """Follow the requirements of what is installed here, extras and all."""
    waiting, found = list(requirements), set[str]()
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        found.add(canonicalize_name(requirement.name))
        for text in distribution(requirement.name).requires or []:
            asked = Requirement(text)
            extras = requirement.extras or {""}
            if asked.marker is None or any(asked.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(asked)
    return found


def test_there_is_one_for_each_image_and_one_for_what_builds_them() -> None:
    assert {path.stem for path in LOCKS.glob("*.txt")} == {*EXTRAS, "build"}
    assert {path.stem for path in LOCKS.glob("*.Dockerfile")} == set(EXTRAS)


@pytest.mark.parametrize("name", EXTRAS)
def test_an_image_s_versions_are_those_of_the_constraints(name: str) -> None:
    pinned = pins()
    assert packages(name).items() <= pinned.items()


@pytest.mark.parametrize("name", EXTRAS)
def test_an_image_has_all_that_its_extras_need_and_nothing_else(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in EXTRAS[name]:
        wanted += project["optional-dependencies"][extra]
    expected = needed(map(Requirement, wanted)) - set(UNUSED)
    assert set(packages(name)) == expected


def test_the_service_has_no_tensorflow() -> None:
    assert not {name for name in packages("search-api") if name.startswith(("tensor", "keras"))}
    assert "tensorflow" in packages("jobs")


def test_what_builds_them_is_pinned_and_as_new_as_the_project_asks() -> None:
    build = packages("build")
    assert {f"{name}=={pinned}" for name, pinned in build.items()} == set(BUILD)
    assert f"PIP     = pip=={build['pip']}\n" in (ROOT / "Makefile").read_text()
    (backend,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert Version(build["setuptools"]) in Requirement(backend).specifier


@pytest.mark.parametrize("name", [*EXTRAS, "build"])
def test_a_lock_names_no_index(name: str) -> None:
    assert "://" not in (LOCKS / f"{name}.txt").read_text()


def test_without_uv_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(ConfigurationError, match="make lock"):
        find_uv()


def test_the_packages_here_are_those_that_the_images_get() -> None:
    """What the other tests run with is what is shipped."""
    for name in EXTRAS:
        assert {package: version(package) for package in packages(name)} == packages(name)


def test_all_that_is_pinned_is_asked_for_and_runs_on_the_oldest_python() -> None:
    """Debian's is 3.11.2; a pin for a later one would end its installation."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    everything = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        everything += extra
    assert set(pins()) == needed(map(Requirement, everything)) & set(pins())
    oldest = project["requires-python"].removeprefix(">=")
    assert f"Python {oldest} or newer" in (ROOT / "README.md").read_text()
    refusing = {
        name: asked
        for name in pins()
        if (asked := metadata(name)["Requires-Python"]) and f"{oldest}.0" not in SpecifierSet(asked)
    }
    assert refusing == {}
