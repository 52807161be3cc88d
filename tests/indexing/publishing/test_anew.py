"""When a new base is built, where a delta would do: and what is told of why."""

import re
from typing import Any

import msgspec
import pytest

from indexing.build import BuildSettings
from indexing.factory import Recipe
from indexing.publishing import Plan
from lookalike.index import SearchParameters
from tests.indexing.publishing.galleries import MODEL, Gallery, a_plan, change


def test_a_rebuild_that_is_asked_for_is_made(gallery: Gallery) -> None:
    first = gallery.publish()
    again = gallery.publish(a_plan(anew=True))
    assert again.changed
    assert again.version != first.version
    assert again.details.delta is None


def test_more_than_a_tenth_is_compacted_into_a_new_base(gallery: Gallery) -> None:
    gallery.publish()
    gallery.fill(7, first=1000)
    second = gallery.publish()
    assert second.details.delta is second.details.tombstones is None
    assert gallery.found() == set(gallery.pictures)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"build": BuildSettings(recipe=Recipe("HNSW32"), processes=1)}, "Flat, .* makes HNSW32"),
        ({"metric": "l2"}, "compares by cosine, this run by l2"),
        ({"model": msgspec.structs.replace(MODEL, version=2)}, r"another model \(version 1\)"),
    ],
)
def test_what_is_asked_for_otherwise_is_built_anew(
    other: dict[str, Any], why: str, gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    gallery.publish()
    change(gallery)
    assert gallery.publish(a_plan(**other)).details.delta is None
    assert re.search(
        f"building the index anew: the one being served .*{why}", capsys.readouterr().err
    )


def of_lists(**given: int) -> Plan:
    recipe = Recipe("IVF4,PQ3x4fs,Refine(SQfp16)", SearchParameters(**given))
    return a_plan(build=BuildSettings(recipe=recipe, target_recall=0.9, processes=1))


def test_what_is_tuned_beside_what_is_given_stays(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    gallery.fill(300)
    first = gallery.publish(of_lists(k_factor=8))
    change(gallery)
    capsys.readouterr()
    second = gallery.publish(of_lists(k_factor=8))
    assert second.delta
    assert second.details.search == first.details.search
    assert capsys.readouterr().err.count("anew") == 0
    assert not gallery.publish(of_lists(k_factor=4)).delta
    assert "has other search parameters" in capsys.readouterr().err


def test_what_was_left_untuned_is_tuned_where_it_is_not_given(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    gallery.fill(300)
    gallery.publish(of_lists(nprobe=1, k_factor=8))
    change(gallery)
    assert gallery.publish(of_lists(nprobe=1, k_factor=8)).delta
    assert not gallery.publish(of_lists(k_factor=8)).delta
    assert "was not tuned, this run tunes" in capsys.readouterr().err


def test_another_recall_is_built_anew_and_the_same_one_is_not(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    def tuned(recall: float) -> Plan:
        recipe = Recipe("IVF4,Flat")
        return a_plan(build=BuildSettings(recipe=recipe, target_recall=recall, processes=1))

    gallery.fill(300)
    gallery.publish(tuned(0.99))
    capsys.readouterr()
    change(gallery)
    assert gallery.publish(tuned(0.99)).delta
    assert capsys.readouterr().err.count("anew") == 0
    assert not gallery.publish(tuned(0.9)).delta
    assert "is tuned to a recall of 0.99, this run to 0.9" in capsys.readouterr().err
