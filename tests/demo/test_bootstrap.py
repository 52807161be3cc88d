"""A store's first index from the samples: what is copied, what is run, and what is left alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from demo import bootstrap
from demo.bootstrap import PICTURES, UNFINISHED, WEIGHTS, lay_in
from demo.processes import free_port
from lookalike.errors import ConfigurationError
from lookalike.model_card import FILE_NAME, write_model_card
from lookalike.store import open_indexes, open_models
from tests.services import process, publish_toy_model, run, search_service, status, until
from tests.toy_cards import toy_card

Stages = list[list[str]]


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    folder = tmp_path / "samples"
    for category in ("bird", "fish"):
        (folder / PICTURES / category).mkdir(parents=True)
        for number in range(3):
            (folder / PICTURES / category / f"{number}.png").write_bytes(f"{category}".encode())
    (folder / WEIGHTS).write_bytes(b"weights")
    return folder


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stages:
    """What would have been run, in a store of its own."""
    ran: Stages = []
    monkeypatch.setenv("LOOKALIKE_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(bootstrap, "run_stage", lambda arguments, _: ran.append(arguments))
    return ran


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def test_it_trains_exports_and_indexes_what_it_copied(
    samples: Path, stages: Stages, tmp_path: Path
) -> None:
    catalogue = tmp_path / "catalogue"
    (catalogue / "lost+found").mkdir(parents=True)
    bootstrap.bootstrap(samples, catalogue, ["--size", "64"], ["--wait", "9"])
    assert names(catalogue) == names(samples / PICTURES)
    assert [stage[0] for stage in stages] == ["train", "export-model", "reindex"]
    assert stages[0][1:] == [str(catalogue), "--weights", str(samples / WEIGHTS), "--size", "64"]
    assert stages[2][1:] == [str(catalogue), "--wait", "9"]


def test_a_store_with_an_index_is_left_alone(
    samples: Path, stages: Stages, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    indexes = open_indexes(str(tmp_path / "store"), "default")
    indexes.location.write("CURRENT", b"20260101T000000Z-0123456789ab\n")
    (tmp_path / "catalogue").mkdir()
    bootstrap.bootstrap(samples, tmp_path / "catalogue", [], [])
    assert stages == []
    assert names(tmp_path / "catalogue") == []
    assert "nothing to do" in capsys.readouterr().out


def test_a_model_of_the_store_is_indexed_with_where_its_index_was_lost(
    samples: Path, stages: Stages, tmp_path: Path
) -> None:
    trained = tmp_path / "store" / "training"
    trained.mkdir(parents=True)
    write_model_card(toy_card("0" * 64), trained / FILE_NAME)
    bootstrap.bootstrap(samples, None, [], [])
    assert [stage[0] for stage in stages] == ["export-model", "reindex"]
    stages.clear()
    publish_toy_model(tmp_path / "store")
    bootstrap.bootstrap(samples, None, [], [])
    assert [stage[0] for stage in stages] == ["reindex"]


def test_pictures_that_are_there_already_are_used_and_kept_as_they_are(
    samples: Path, stages: Stages, tmp_path: Path
) -> None:
    own = tmp_path / "catalogue" / "shoes" / "1.png"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    bootstrap.bootstrap(samples, tmp_path / "catalogue", [], [])
    assert names(tmp_path / "catalogue") == ["shoes/1.png"]
    assert stages[0][1] == str(tmp_path / "catalogue")


def test_copying_goes_on_where_it_was_broken_off(samples: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue"
    (catalogue / "bird").mkdir(parents=True)
    (catalogue / "bird" / "0.png").write_bytes(b"renamed into place")
    half = catalogue / UNFINISHED / "fish"
    half.mkdir(parents=True)
    (half / "0.png").write_bytes(b"ha")
    lay_in(samples / PICTURES, catalogue)
    assert (catalogue / "bird" / "0.png").read_bytes() == b"renamed into place"
    assert (catalogue / "fish" / "0.png").read_bytes() == b"fish"
    assert names(catalogue / "fish") == ["0.png", "1.png", "2.png"]
    assert not (catalogue / UNFINISHED).exists()


def test_what_is_missing_is_said(samples: Path, stages: Stages, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="lookalike samples"):
        bootstrap.bootstrap(tmp_path / "nothing", None, [], [])
    with pytest.raises(ConfigurationError, match="no folder"):
        bootstrap.bootstrap(samples, tmp_path / "nothing", [], [])
    assert stages == []


@pytest.mark.long
def test_from_nothing_to_an_answer_about_the_sample_pictures(tmp_path: Path) -> None:
    """As the Job of overlays/local does it: the samples of the image, and nothing fetched."""
    samples, store, catalogue = (tmp_path / name for name in ("samples", "store", "pictures"))
    (store / "models" / "embedder").mkdir(parents=True)
    catalogue.mkdir()
    rest, grpc = free_port(0), free_port(0)
    environment = {
        "LOOKALIKE_STORE": str(store),
        "LOOKALIKE_MODEL_SERVER_REST": f"http://127.0.0.1:{rest}",
        "LOOKALIKE_MODEL_SERVER_GRPC": f"127.0.0.1:{grpc}",
    }
    collected = run(["samples", str(samples)], {})
    assert collected.returncode == 0, collected.stderr
    # It waits for a first version, as the one of the cluster does.
    with process(["model-server", "--local"], environment, tmp_path / "model-server.log"):
        arguments = ["bootstrap", str(samples), "--pictures", str(catalogue), "--size", "32"]
        for _ in range(2):
            finished = subprocess.run(
                [sys.executable, "-m", "lookalike", *arguments],
                env={**os.environ, **environment, "LOOKALIKE_CACHE": str(tmp_path / "cache")},
                capture_output=True,
                text=True,
                check=False,
            )
            assert finished.returncode == 0, finished.stdout + finished.stderr
        assert "nothing to do" in finished.stdout
        assert open_models(str(store), "embedder").versions() == ["1"]
        with search_service(environment, tmp_path / "service.log") as url:
            until(lambda: status(f"{url}/readyz") == 200, what="readiness")
            picture = next(catalogue.glob("bird/*.png"))
            answer = requests.post(
                f"{url}/search", files={"image": picture.read_bytes()}, timeout=60
            )
            assert answer.json()["results"][0]["id"] == f"bird/{picture.name}"
            image = requests.get(f"{url}/pictures/bird/{picture.name}/image", timeout=60)
            assert image.headers["Content-Type"] == "image/jpeg"
