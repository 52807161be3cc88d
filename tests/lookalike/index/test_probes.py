"""Probes: all of them before a version serves, one at a time afterwards."""

from pathlib import Path

import numpy as np
import pytest

from lookalike.errors import ProbeMismatch
from lookalike.index.probes import Probe, ProbeCheck, write_probes
from lookalike.picture import PictureContract, read_picture
from lookalike.picture.contract import Pixels
from lookalike.vectors import Vectors
from tests.pictures import write_pictures

CONTRACT = PictureContract(size=32)


class Model:
    """Answers with two means of a picture's pixels; a drifted one sees ``wrong`` otherwise."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.wrong: Pixels | None = None

    def embed(self, pixels: Pixels) -> Vectors:
        self.asked.append(len(pixels))
        return np.stack([self._vector(one) for one in pixels])

    def available_versions(self) -> set[int]:
        return {1}

    def close(self) -> None:
        pass

    def _vector(self, pixels: Pixels) -> Vectors:
        vector = np.asarray([pixels[:16].mean(), pixels[16:].mean()], np.float32)
        drifted = self.wrong is not None and np.array_equal(pixels, self.wrong)
        return vector * (np.asarray([1, -1], np.float32) if drifted else 1)


@pytest.fixture
def pictures(tmp_path: Path) -> list[bytes]:
    folder = write_pictures(tmp_path / "pictures", labels=1, each=4) / "label-0"
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.fixture
def check(pictures: list[bytes], tmp_path: Path) -> ProbeCheck:
    vectors = Model().embed(np.stack([read_picture(data, CONTRACT) for data in pictures]))
    probes = [
        Probe(str(number), data, vector.tolist())
        for number, (data, vector) in enumerate(zip(pictures, vectors, strict=True))
    ]
    write_probes(tmp_path / "probes", probes)
    return ProbeCheck(tmp_path / "probes", CONTRACT)


def test_all_are_asked_one_after_another_or_each_in_its_turn(check: ProbeCheck) -> None:
    model = Model()
    check.run(model)
    for _ in range(8):
        check.run_one(model)
    assert model.asked == [1] * (4 + 8)


def test_one_that_differs_is_found_at_once_and_named_or_when_its_turn_comes(
    check: ProbeCheck, pictures: list[bytes]
) -> None:
    model = Model()
    model.wrong = read_picture(pictures[2], CONTRACT)
    with pytest.raises(ProbeMismatch, match="probe picture '2'"):
        check.run(model)
    for turn in range(8):
        if turn % 4 == 2:
            with pytest.raises(ProbeMismatch, match="probe picture '2'"):
                check.run_one(model)
        else:
            check.run_one(model)


def test_one_of_another_length_is_no_match(pictures: list[bytes], tmp_path: Path) -> None:
    write_probes(tmp_path / "longer", [Probe("a", pictures[0], [1.0, 0.0, 0.0])])
    with pytest.raises(ProbeMismatch, match="has 3 numbers, and the model gives 2"):
        ProbeCheck(tmp_path / "longer", CONTRACT).run(Model())


def test_an_index_without_pictures_asks_nothing(tmp_path: Path) -> None:
    write_probes(tmp_path / "none", [])
    empty, model = ProbeCheck(tmp_path / "none", CONTRACT), Model()
    empty.run(model)
    empty.run_one(model)
    assert model.asked == []
