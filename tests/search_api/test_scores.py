"""Scores, from the model's card through an index to answers, and what is cut by them."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from lookalike.calibration import Calibration
from lookalike.client import Client, ServiceError
from tests.search_api.conftest import Stack, running_stack
from tests.services import run, run_here, until

MADE = Calibration(a=2.0, b=0.5, c=-4.0, ece=0.031, queries=66, pairs=660, same=0.62)
NAME = "label-1/4.jpg"
ALL = 32


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("calibrated"), MADE) as running:
        yield running


@pytest.fixture
def client(calibrated: Stack) -> Client:
    return Client(calibrated.url)


def middle(client: Client) -> float:
    """A score that some hits of NAME reach, and others do not."""
    scores = [hit.score for hit in client.search(id=NAME, k=ALL).results]
    assert scores[0] is not None
    assert scores[-1] is not None
    assert scores[0] > scores[-1]
    half = scores[ALL // 2]
    assert half is not None
    return half


def test_hits_have_the_score_of_their_distance(client: Client) -> None:
    hits = client.search(id=NAME, k=ALL).results
    expected = MADE.scores([hit.distance or 0.0 for hit in hits]).tolist()
    assert [hit.score for hit in hits] == expected
    assert expected == sorted(expected, reverse=True)


def test_the_index_tells_of_its_calibration(client: Client) -> None:
    told = client.index()["model"]["calibration"]
    assert (told["ece"], told["queries"], told["pairs"]) == (0.031, 66, 660)


def test_what_scores_too_little_is_not_answered(client: Client) -> None:
    least = middle(client)
    everything = client.search(id=NAME, k=ALL).results
    kept = client.search(id=NAME, k=ALL, min_score=least).results
    assert kept == [hit for hit in everything if (hit.score or 0.0) >= least]
    assert 0 < len(kept) < ALL
    assert client.search(id=NAME, k=3, min_score=least).results == everything[:3]
    assert client.search(id=NAME, k=ALL, min_score=0).results == everything
    picture = client.search(vector=[1.0] * 128, k=ALL, min_score=1)
    assert all(hit.score == 1 for hit in picture.results)


@pytest.mark.parametrize(
    "more",
    [
        {"offset": 2},
        {"exclude_self": True},
        {"group_by": "label"},
        {"group_by": "label", "offset": 1, "k": 2},
        {"filter": {"attribute": "label", "in": ["label-1", "label-2"]}},
    ],
)
def test_the_cut_leaves_all_else_as_it_is(client: Client, more: dict[str, Any]) -> None:
    least = middle(client)
    asked = {"id": NAME, "k": ALL, **more}
    cut = client.search(**asked, min_score=least).results
    assert cut == [hit for hit in client.search(**asked).results if (hit.score or 0.0) >= least]
    assert cut


def test_searches_of_a_batch_are_cut_each_by_its_own(client: Client) -> None:
    least = middle(client)
    queries: list[dict[str, Any]] = [
        {"id": NAME, "k": ALL},
        {"id": NAME, "k": ALL, "min_score": least},
        {"id": NAME, "k": ALL - 1, "offset": 1, "min_score": least},
        {"id": NAME, "k": 5, "group_by": "label", "min_score": least},
    ]
    for query, outcome in zip(queries, client.search_batch(queries), strict=True):
        assert not isinstance(outcome, ServiceError)
        assert outcome.results == client.search(**query).results


def test_a_score_can_be_asked_for_in_a_url_and_left_out(calibrated: Stack, client: Client) -> None:
    least = middle(client)
    raw = (calibrated.pictures / NAME).read_bytes()
    found = requests.post(
        f"{calibrated.url}/search?k={ALL}&min_score={least}&fields=score",
        data=raw,
        headers={"Content-Type": "image/jpeg"},
        timeout=30,
    ).json()["results"]
    assert all(hit.keys() == {"score"} and hit["score"] >= least for hit in found)
    assert 0 < len(found) < ALL


def test_the_command_prints_scores(calibrated: Stack, client: Client) -> None:
    [best] = client.search((calibrated.pictures / NAME).read_bytes(), k=1).results
    found = run_here(
        ["search", str(calibrated.pictures / NAME), "-k", "1", "--url", calibrated.url], {}
    )
    assert f"{best.score:5.3f}" in found.stdout


def test_without_a_calibration_scores_are_null_and_cannot_be_cut_by(stack: Stack) -> None:
    client = Client(stack.url)
    assert all(hit.score is None for hit in client.search(id=NAME).results)
    assert client.index()["model"]["calibration"] is None
    with pytest.raises(ServiceError, match="its model had none when it was built"):
        client.search(id=NAME, min_score=0.5)


@pytest.mark.long
def test_an_index_by_raw_l2_has_no_scores_whatever_its_model_has(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = tmp_path_factory.mktemp("l2")
    with running_stack(root, MADE, "--metric", "l2") as running:
        client = Client(running.url)
        assert all(hit.score is None for hit in client.search(id=NAME).results)
        with pytest.raises(ServiceError, match="it compares by l2"):
            client.search(id=NAME, min_score=0.5)


def test_a_later_version_with_changes_has_the_scores_too(calibrated: Stack, client: Client) -> None:
    before = client.index()["version"]
    new = calibrated.pictures / "label-0" / "new.jpg"
    new.write_bytes((calibrated.pictures / NAME).read_bytes())
    indexed = run(["reindex", str(calibrated.pictures)], calibrated.environment)
    assert indexed.returncode == 0, indexed.stderr
    until(lambda: client.index()["version"] != before, what="the swap")
    assert client.index()["model"]["calibration"]["ece"] == MADE.ece
    [hit] = client.search(id="label-0/new.jpg", k=1).results
    assert hit.score == MADE.scores([hit.distance or 0.0])[0]
