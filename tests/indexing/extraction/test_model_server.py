"""Extraction through a real model server, which restarts, fills up and swaps versions."""

import shutil
import threading
from contextlib import ExitStack
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from indexing.extraction.extract import Job, extract
from indexing.extraction.features import Features
from indexing.extraction.ledgers import Ledgers
from indexing.extraction.parts import Part
from indexing.extraction.settings import ExtractionSettings
from indexing.model import model_reference
from lookalike.catalogue import Folder
from lookalike.errors import ModelServerUnavailable, ModelVersionUnavailable
from lookalike.index import ModelReference
from lookalike.serving.grpc import GrpcEmbedder
from lookalike.store import open_models
from lookalike.vectors import SAME_DEVICE_TOLERANCE, Vectors, unit
from tests.pictures import write_pictures
from tests.services import model_server, publish_toy_model, run, run_here

PICTURES = 160


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    publish_toy_model(folder)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"), labels=4, each=PICTURES // 4)


@pytest.fixture
def model(store: Path) -> ModelReference:
    return model_reference(open_models(str(store), "embedder"), "embedder", 1)


@pytest.fixture(scope="module")
def expected(store: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    """The vectors of an undisturbed extraction, in the order of the ids."""
    log = tmp_path_factory.mktemp("log") / "log"
    model = model_reference(open_models(str(store), "embedder"), "embedder", 1)
    with model_server(store, log) as environment:
        return extracted(environment, pictures, model, log.parent)


def extracted(
    environment: dict[str, str],
    pictures: Path,
    model: ModelReference,
    root: Path,
    embedder: GrpcEmbedder | None = None,
    patience_seconds: float = 60.0,
) -> Vectors:
    """Extract into ``root`` and give the vectors, in the order of the ids."""
    job = Job(store=str(root / "out"), scratch=root, index="default", model=model)
    settings = ExtractionSettings(
        processes=1, batch=16, in_flight=4, patience_seconds=patience_seconds
    )
    client = embedder or GrpcEmbedder(environment["LOOKALIKE_MODEL_SERVER_GRPC"], model.address)
    try:
        tally = extract(Folder(pictures), job, client, settings)
    finally:
        client.close()
    assert tally.embedded == PICTURES
    with Ledgers.of(job.store, "default", model) as ledgers:
        rows = list(ledgers.embedded())
    out = np.empty((len(rows), model.dimensions), np.float32)
    digests = np.frombuffer(b"".join(row.sha256 for row in rows), np.uint8)
    Features.of(job.store, model).gather(digests.reshape(-1, 32), out)
    return out


def require_equal(found: Vectors, expected: Vectors) -> None:
    assert np.linalg.norm(unit(found) - unit(expected), axis=1).max() < SAME_DEVICE_TOLERANCE


class Interrupting(GrpcEmbedder):
    """Does something once some batches are through, before the next one is sent."""

    def __init__(self, environment: dict[str, str], model: ModelReference, after: int) -> None:
        super().__init__(environment["LOOKALIKE_MODEL_SERVER_GRPC"], model.address, timeout=20)
        self.left = after
        self.lock = threading.Lock()
        self.events: list[str] = []

    def interrupt(self) -> None:
        raise NotImplementedError

    def embed(self, pixels: np.ndarray) -> Vectors:
        with self.lock:
            self.left -= 1
            if self.left == 0:
                self.interrupt()
        try:
            return super().embed(pixels)
        except (ModelServerUnavailable, ModelVersionUnavailable) as error:
            self.events.append(error.type)
            raise


def test_a_server_that_dies_in_the_middle_is_waited_for(
    store: Path, pictures: Path, model: ModelReference, expected: Vectors, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with ExitStack() as first, ExitStack() as second:
        environment = first.enter_context(model_server(store, log))
        port = int(environment["LOOKALIKE_MODEL_SERVER_GRPC"].rpartition(":")[2])

        def start_again() -> None:
            second.enter_context(model_server(store, log, ports=(0, port)))

        class Killing(Interrupting):
            def interrupt(self) -> None:
                first.close()
                threading.Thread(target=start_again).start()

        killing = Killing(environment, model, after=3)
        found = extracted(environment, pictures, model, tmp_path, killing)
    # And where it answers before it has loaded the model, that it lacks the version.
    assert "model-server-unavailable" in killing.events
    require_equal(found, expected)


@pytest.mark.long
def test_a_server_that_stays_away_ends_the_job_with_what_to_do(
    store: Path, pictures: Path, model: ModelReference, expected: Vectors, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    server = ExitStack()
    environment = server.enter_context(model_server(store, log))

    class Killing(Interrupting):
        def interrupt(self) -> None:
            server.close()

    with pytest.raises(ModelServerUnavailable, match="run the same command again"):
        extracted(environment, pictures, model, tmp_path, Killing(environment, model, 4), 0.5)
    with model_server(store, log) as environment:
        found = extracted(environment, pictures, model, tmp_path)
    require_equal(found, expected)


def test_a_full_queue_and_a_small_maximum_slow_down_and_fail_nothing(
    store: Path, pictures: Path, model: ModelReference, expected: Vectors, tmp_path: Path
) -> None:
    flags = ["--max-batch-size", "5", "--max-enqueued-batches", "1", "--num-batch-threads", "1"]
    with model_server(store, tmp_path / "log", *flags) as environment:
        found = extracted(environment, pictures, model, tmp_path)
    require_equal(found, expected)


@pytest.mark.long
def test_a_version_that_goes_away_is_waited_for(
    store: Path, pictures: Path, model: ModelReference, expected: Vectors, tmp_path: Path
) -> None:
    copy = tmp_path / "store"
    shutil.copytree(store, copy)
    version = copy / "models" / "embedder" / "1"
    aside = copy / "aside"

    class Swapping(Interrupting):
        def interrupt(self) -> None:
            publish_toy_model(copy, seed=7)
            version.rename(aside)
            threading.Timer(4.0, aside.rename, (version,)).start()

    with model_server(copy, tmp_path / "log", "--poll-seconds", "0.2") as environment:
        swapping = Swapping(environment, model, after=3)
        swapping.embed = slowed(swapping.embed)  # type: ignore[method-assign]
        found = extracted(environment, pictures, model, tmp_path, swapping)
    assert set(swapping.events) == {"model-version-unavailable"}
    require_equal(found, expected)


def slowed(embed: object) -> object:
    """Leave the server time to notice its folder, batch by batch."""
    assert callable(embed)
    pause = threading.Event()

    def slow(pixels: np.ndarray) -> Vectors:
        pause.wait(0.5)
        return embed(pixels)

    return slow


def test_the_commands_extract_in_parts_and_show_the_quarantine(
    store: Path, pictures: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "pictures"
    shutil.copytree(pictures, copy)
    cv2.imwrite(str(copy / "white.png"), np.full((40, 40, 3), 255, np.uint8))
    (copy / "torn.jpg").write_bytes((copy / "label-0" / "0.jpg").read_bytes()[:300])
    with model_server(store, tmp_path / "log") as environment:
        environment["LOOKALIKE_CACHE"] = str(tmp_path / "cache")
        environment["LOOKALIKE_INDEX"] = "commands"
        first = run(["extract", str(copy), "--part", "0", "--of", "2", "--json"], environment)
        assert first.returncode == 0, first.stderr
        pod = {**environment, "JOB_COMPLETION_INDEX": "1", "JOB_COMPLETIONS": "2"}
        second = run(["extract", str(copy), "--json"], pod)
        assert second.returncode == 0, second.stderr
        tallies = [msgspec.json.decode(done.stdout) for done in (first, second)]
        assert sum(tally["embedded"] for tally in tallies) >= PICTURES
        assert sum(tally["quarantined"] for tally in tallies) >= 1
        sheet = tmp_path / "sheet.png"
        shown = run_here(["quarantine", "--contact-sheet", str(sheet)], environment)
        assert "truncated-picture\ttorn.jpg\t" in shown.stdout, shown.stderr
        assert cv2.imread(str(sheet)) is not None
        lines = run_here(["quarantine", "--json"], environment).stdout.splitlines()
        assert "torn.jpg" in {msgspec.json.decode(line)["id"] for line in lines}


def test_half_of_a_division_is_an_error_of_use(tmp_path: Path) -> None:
    finished = run(["extract", str(tmp_path), "--part", "1"], {"LOOKALIKE_STORE": str(tmp_path)})
    assert finished.returncode == 2
    assert "--part and --of go together" in finished.stderr


def test_parts_are_numbered_from_nought() -> None:
    assert str(Part(1, 2)) == "part 1 of 2"
