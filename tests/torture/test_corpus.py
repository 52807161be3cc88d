"""Every picture gives what its case says, in a process that stays small, and is always the same."""

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from typing import NamedTuple

import pytest

from lookalike import errors
from lookalike.errors import LookalikeError
from torture.case import ANYTHING, Outcome, PictureCase, kind_of
from torture.corpus import corpus
from torture.run import MOST_BYTES
from torture.target import Target


class Read(NamedTuple):
    outcome: Outcome
    memory_bytes: int
    digest: str


@pytest.fixture(scope="module")
def reads() -> dict[str, Read]:
    """What came of every picture in a process of its own."""
    finished = subprocess.run(
        [sys.executable, "-m", "tests.torture.read_corpus", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    rows = map(json.loads, finished.stdout.splitlines())
    return {name: Read(Outcome(*outcome), memory, digest) for name, outcome, memory, digest in rows}


def pictures(seed: int = 0) -> dict[str, PictureCase]:
    return {case.name: case for case in corpus(seed) if isinstance(case, PictureCase)}


def test_every_picture_gives_what_its_case_says(reads: dict[str, Read]) -> None:
    cases = pictures()
    assert reads.keys() == cases.keys()
    wrong = {
        name: f"{read.outcome} instead of {sorted(map(str, cases[name].expected))}"
        for name, read in reads.items()
        if read.outcome not in cases[name].expected
    }
    assert wrong == {}


def test_no_picture_takes_a_gigabyte(reads: dict[str, Read]) -> None:
    most = max(read.memory_bytes for read in reads.values())
    assert 200_000_000 < most < MOST_BYTES


def test_pictures_are_the_same_in_every_process(reads: dict[str, Read]) -> None:
    made = {name: hashlib.sha256(case.make()).hexdigest() for name, case in pictures().items()}
    assert [name for name, digest in made.items() if digest != reads[name].digest] == []


def test_another_seed_is_other_fuzz_and_nothing_else(reads: dict[str, Read]) -> None:
    other = {
        hashlib.sha256(case.make()).hexdigest()
        for name, case in pictures(1).items()
        if "fuzz/" in name
    }
    first = {read.digest for name, read in reads.items() if "fuzz/" in name}
    assert len(first) > 90
    assert not first & other
    assert {name for name in pictures(1) if "fuzz/" not in name} == {
        name for name in reads if "fuzz/" not in name
    }


def test_the_same_seed_gives_the_same_requests() -> None:
    target = Target("http://127.0.0.1:1", "a-key")
    for case, again in zip(corpus(3, 20), corpus(3, 20), strict=True):
        if "bombs" not in case.name:
            assert case.message(target) == again.message(target)


def test_there_are_over_a_thousand_cases_of_fifteen_kinds() -> None:
    cases = corpus()
    assert len(cases) > 1000
    kinds = Counter(map(kind_of, cases))
    assert len(kinds) == 15
    assert min(kinds.values()) >= 15


def test_names_are_unique_and_stay_names_of_files() -> None:
    names = [case.name for case in corpus()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+/[a-z0-9._-]+", name) for name in names)


def test_every_case_says_why_and_expects_what_errors_md_describes() -> None:
    known = {
        Outcome(kind.status, kind.type)
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, LookalikeError)
    }
    for case in corpus():
        assert len(case.why) > 5, case.name
        assert case.expected - {Outcome(200)} <= known, case.name
        assert all(outcome.status < 500 for outcome in case.expected), case.name


def test_only_fuzz_may_end_in_anything() -> None:
    assert {kind_of(case) for case in corpus() if case.expected == ANYTHING} == {"fuzz"}
