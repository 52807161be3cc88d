"""The programs themselves, from the command line, on real models behind a real server."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench import BENCHMARKS
from bench.embedding import BATCHES, CLIENTS
from bench.goals import misses, read_goals
from bench.report import Report
from bench.served_models import model_server
from lookalike.errors import ModelServerUnavailable

ROOT = Path(__file__).parents[2]
RAW_BYTES = 224 * 224 * 3


def bench(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A quick run, and what it wrote into a folder that is not there yet."""
    folder = tmp_path_factory.mktemp("reports") / "new"
    finished = bench("embedding", "--quick", "--json", str(folder))
    assert finished.returncode == 0, finished.stderr
    assert "vgg16.rest.batch16" in finished.stdout
    return msgspec.json.decode((folder / "embedding.json").read_bytes(), type=Report)


def test_list_names_every_benchmark_and_runs_none() -> None:
    finished = bench("--list")
    assert [line.split()[0] for line in finished.stdout.splitlines()] == list(BENCHMARKS)


@pytest.mark.long
def test_every_way_is_measured_in_every_batch_and_with_many_clients(report: Report) -> None:
    ways = ("bare", "in_process", "rest", "grpc")
    expected = {
        f"{model}.{way}.batch{batch}"
        for model in ("vgg16", "toy")
        for way in ways
        for batch in BATCHES
    }
    expected |= {
        f"{model}.{way}.batch1.clients{CLIENTS}"
        for model in ("vgg16", "toy")
        for way in ("rest", "grpc")
    }
    assert {row.name for row in report.rows} == expected


@pytest.mark.long
def test_a_quick_run_says_that_it_is_one(report: Report) -> None:
    assert report.quick
    assert {len(row.seconds_per_item) for row in report.rows} == {report.rounds}


@pytest.mark.long
def test_every_goal_is_for_something_that_is_compared(report: Report) -> None:
    goals = read_goals("embedding")
    assert goals
    misses(report.rows, goals)  # raises for a goal that is for nothing


@pytest.mark.long
def test_a_picture_is_sent_as_raw_bytes_over_grpc_and_as_base64_over_rest(report: Report) -> None:
    sent = {fact.name: fact.value for fact in report.facts}
    for batch in BATCHES:
        assert RAW_BYTES < sent[f"toy.grpc.batch{batch} sent"] < RAW_BYTES + 1024
        assert RAW_BYTES * 4 / 3 < sent[f"toy.rest.batch{batch} sent"] < RAW_BYTES * 4 / 3 + 1024


@pytest.mark.long
def test_a_server_that_cannot_start_is_reported_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"no model")
    words = "no version of bench can be loaded"
    with pytest.raises(ModelServerUnavailable, match=words), model_server(tmp_path):
        pass
