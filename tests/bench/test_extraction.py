"""The benchmark of extraction, from the command line, in a quick run."""

import subprocess
import sys
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from bench.decoding import Decoders
from bench.goals import misses, read_goals
from bench.photographs import write_photographs
from bench.report import Report
from lookalike.picture import PictureContract

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    file = tmp_path_factory.mktemp("report") / "extraction.json"
    finished = subprocess.run(
        [sys.executable, "-m", "bench.extraction", "--quick", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert finished.returncode == 0, finished.stderr
    assert "small.extraction" in finished.stdout
    return msgspec.json.decode(file.read_bytes(), type=Report)


@pytest.mark.long
def test_extraction_is_compared_with_what_limits_it_and_with_the_usual_ways(
    report: Report,
) -> None:
    against = {row.name: row.against.baseline for row in report.rows if row.against}
    assert against["vgg16.extraction"] == "vgg16.server"
    for name in ("small", "large"):
        assert against[f"{name}.extraction"] == f"{name}.decode"
        assert against[f"{name}.decode_full"] == f"{name}.extraction"
    for name in ("small", "large", "vgg16"):
        for usual in ("keras_loader", "one_by_one"):
            assert against[f"{name}.{usual}"] == f"{name}.extraction"


@pytest.mark.long
def test_every_goal_is_for_something_that_is_measured(report: Report) -> None:
    goals = read_goals("extraction")
    assert goals
    misses(report.rows, goals, report.facts)  # raises for a goal that is for nothing


@pytest.mark.long
def test_peak_memory_is_counted_at_two_sizes(report: Report) -> None:
    facts = {fact.name: fact.value for fact in report.facts}
    assert 0.5 < facts["memory.ratio"] < 2


def test_photographs_differ_and_are_of_their_size(tmp_path: Path) -> None:
    paths = write_photographs(tmp_path / "photographs", 100, 75, 50)
    assert len({path.read_bytes() for path in paths}) == 50
    pixels = [cv2.imread(str(path)) for path in paths]
    assert {picture.shape for picture in pixels if picture is not None} == {(75, 100, 3)}
    assert np.array_equal(pixels[0], pixels[40])  # decoding them is what costs, and the same


def test_bare_decoding_shares_its_pictures_out(tmp_path: Path) -> None:
    paths = write_photographs(tmp_path / "photographs", 100, 75, 5)
    with Decoders(paths, PictureContract(size=32), 2, reduced=True) as decoders:
        assert decoders.run(7) == [4, 3]
        assert decoders.run(0) == [0, 0]
