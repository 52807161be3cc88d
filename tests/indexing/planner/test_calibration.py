"""``lookalike plan --calibrate``, for real but on few vectors, and the plans made of it."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from indexing.planner.calibration import FILE_NAME, Calibration, figures, load, sensible
from indexing.planner.embedding import measure_embedding
from indexing.planner.figures import DEFAULTS
from indexing.planner.plan import Plan
from lookalike.errors import ConfigurationError
from lookalike.settings import Settings
from tests.services import models_served, publish_toy_model, run_here

# On so few vectors hardly anything is missed, and little grows with what grows: these may be left.
UNSURE = {"list_misses", "list_power", "graph_misses", "graph_power"} | {
    "scan_ns",
    "refine_us",
    "graph_us",
    "query_us",
    "encode_us",
}
NEVER = {"cpu_embed_rate", "http_ms", "shard_us", "disk_rate", "spread", "versions"} | {
    "ledger_bytes",
    "name_bytes",
    "text_bytes",
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    root = tmp_path_factory.mktemp("calibration")
    publish_toy_model(root / "store")
    with models_served(root / "store") as environment:
        environment = {**environment, "LOOKALIKE_CACHE": str(root / "cache")}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("indexing.planner.calibration.LEAST_VECTORS", 4000)
            finished = run_here(["plan", "--calibrate", "--vectors", "4k"], environment)
        assert finished.returncode == 0, finished.stderr
        assert "measuring inverted lists …" in finished.stderr
        assert "kept in" in finished.stderr
        yield environment


def test_what_is_measured_is_kept_and_makes_sense(environment: dict[str, str]) -> None:
    kept = load(Path(environment["LOOKALIKE_CACHE"]))
    assert kept is not None
    assert kept.values.keys() | UNSURE == DEFAULTS.keys() - NEVER
    assert all(value > 0 for value in kept.values.values())
    for name in ("flat_ns", "row_bytes", "decode_ms", "worker_bytes", "embed_rate"):
        assert kept.values[name] > 0, name


@pytest.mark.parametrize("vectors", ["1", "20", "1000"])
def test_too_few_vectors_to_measure_by_are_a_usage_error(vectors: str, tmp_path: Path) -> None:
    environment = {"LOOKALIKE_CACHE": str(tmp_path)}
    finished = run_here(["plan", "--calibrate", "--vectors", vectors], environment)
    assert finished.returncode == 2
    assert f"--vectors {int(vectors):,} are too few" in finished.stderr
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize(
    ("wrong", "left"),
    [
        ({"scan_ns": 0.0}, {"scan_ns"}),
        ({"list_misses": 63.0}, {"list_misses", "list_power"}),
        ({"graph_power": math.nan}, {"graph_misses", "graph_power"}),
        ({"graph_misses": 14.0}, set()),
    ],
)
def test_what_cannot_be_is_left_out(wrong: dict[str, float], left: set[str]) -> None:
    right = {name: figure.value for name, figure in DEFAULTS.items()}
    assert right.keys() - sensible(right | wrong).keys() == left


def damaged(folder: Path) -> dict[str, str]:
    publish_toy_model(folder)
    next(folder.glob("models/*/*/manifest.json")).write_text("{")
    return {"LOOKALIKE_STORE": str(folder)}


def unreachable(_: Path) -> dict[str, str]:
    return {
        "LOOKALIKE_STORE": "s3://nowhere/store",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_MAX_ATTEMPTS": "1",
    }


@pytest.mark.parametrize("trouble", [damaged, unreachable])
def test_trouble_with_the_store_leaves_only_embedding_unmeasured(
    trouble: Callable[[Path], dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in trouble(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert measure_embedding(Settings.from_environment()) == {}
    assert "embedding was not measured: " in capsys.readouterr().err


def test_the_next_plan_is_made_of_it(environment: dict[str, str]) -> None:
    finished = run_here(["plan", "--pictures", "2M", "--json"], environment)
    made = msgspec.json.decode(finished.stdout, type=Plan)
    kept = load(Path(environment["LOOKALIKE_CACHE"]))
    assert kept is not None
    assert {name for name, figure in made.figures.items() if not figure.measured} <= NEVER | UNSURE
    assert made.figures["row_bytes"].value == kept.values["row_bytes"]
    assert made.extraction.embedding_by == "the model server measured"
    text = run_here(["plan", "--pictures", "2M"], environment).stdout
    assert "measured on this machine:" in text
    assert "by lookalike plan --calibrate" in text


def test_another_machine_s_measurements_are_assumptions() -> None:
    kept = Calibration(host="elsewhere", created="2026-01-01", vectors=1, values={"row_bytes": 7.0})
    figure = figures(kept)["row_bytes"]
    assert (figure.value, figure.measured) == (7.0, False)
    assert "measured on elsewhere" in figure.source


def test_figures_of_an_older_program_are_left_out() -> None:
    kept = Calibration(host="here", created="2026-01-01", vectors=1, values={"gone": 7.0})
    assert figures(kept) == DEFAULTS


def test_a_broken_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{")
    with pytest.raises(ConfigurationError, match="run lookalike plan --calibrate again"):
        load(tmp_path)


def test_without_a_calibration_everything_is_assumed(tmp_path: Path) -> None:
    finished = run_here(["plan", "--pictures", "50M"], {"LOOKALIKE_CACHE": str(tmp_path)})
    assert finished.returncode == 0, finished.stderr
    assert "measured on this machine" not in finished.stdout
    assert "assumed:" in finished.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "--calibrate"), (["--pictures", "many"], "no quantity"), (["--pictures", "0"], "less")],
)
def test_a_wrong_call_is_a_usage_error(arguments: list[str], words: str, tmp_path: Path) -> None:
    finished = run_here(["plan", *arguments], {"LOOKALIKE_CACHE": str(tmp_path)})
    assert finished.returncode == 2
    assert words in finished.stderr
