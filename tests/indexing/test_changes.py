"""Deletions and additions against versions: nothing comes back that was deleted."""

import time
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from indexing.added import AddedRows
from indexing.addition import publish_changes
from indexing.publishing import Base, VersionRows
from lookalike.changes import Addition, Additions, Deletion, Record, open_changes, standing
from lookalike.changes.record import now as moment
from lookalike.errors import ModelServerUnavailable
from lookalike.index import IndexVersion, embedding_of
from lookalike.index.version import decode_details
from lookalike.picture import read_picture
from lookalike.store import VerifiedCache, open_indexes
from tests.indexing.embedders import DIMENSIONS
from tests.indexing.publishing.galleries import MODEL, Gallery, a_plan
from tests.pictures import write_pictures
from tests.services import models_served, publish_toy_model, run


def test_a_deletion_holds_for_every_version_that_is_rolled_back_to(gallery: Gallery) -> None:
    first = gallery.indexes.current()
    gallery.fill(2, first=1000)
    second = gallery.publish().version
    gallery.changes.append(Deletion(["picture 0005", "picture 1000"]))
    for version in (first, second, gallery.publish().version):
        found = gallery.found(version)
        assert found
        assert not found & {"picture 0005", "picture 1000"}


def test_a_deletion_during_a_rebuild_holds_for_what_the_rebuild_publishes(
    gallery: Gallery,
) -> None:
    wanted = gallery.want(None)
    gallery.changes.append(Deletion(["picture 0005"]))  # the rebuild has looked already
    gallery.fill(1, first=1000)
    want = gallery.want
    gallery.want = lambda _: wanted  # type: ignore[method-assign,assignment,return-value]
    published = gallery.publish(a_plan(anew=True))
    assert published.details.pictures == 60
    assert "picture 0005" not in gallery.found(published.version)
    gallery.want = want  # type: ignore[method-assign]
    assert gallery.publish().details.pictures == 60  # one fewer, one more
    assert "picture 0005" not in gallery.found()


def test_a_deletion_outlives_the_catalogue_s_insistence(gallery: Gallery) -> None:
    gallery.changes.append(Deletion(["picture 0005"]))
    for _ in range(2):
        gallery.publish(a_plan(anew=True))
        assert "picture 0005" in gallery.pictures
        assert "picture 0005" not in gallery.found()


def test_what_was_embedded_as_it_was_added_is_not_embedded_again(gallery: Gallery) -> None:
    vector = np.arange(1, DIMENSIONS + 1, dtype=np.float32)
    sha256 = gallery.changes.put_picture(b"nobody reads these bytes")
    embedding = embedding_of(vector, MODEL)
    gallery.changes.append(Additions([Addition("new", sha256, embedding=embedding)]))
    before = gallery.embedder.embedded
    rows = AddedRows(gallery.changes, gallery.features, MODEL, gallery.embedder, gallery.settings)
    [row] = rows.rows(standing(gallery.changes.records()))
    assert (row.id, gallery.embedder.embedded) == ("new", before)
    kept = np.empty((1, DIMENSIONS), np.float32)
    gallery.features.gather(np.frombuffer(row.sha256, np.uint8), kept)
    assert kept[0].tolist() == vector.tolist()
    parts = gallery.features.parts()
    rows.rows(standing(gallery.changes.records()))
    assert gallery.features.parts() == parts


@pytest.mark.parametrize("deleted_last", [True, False])
def test_a_record_that_comes_late_is_overruled_by_what_a_version_folded_in(
    gallery: Gallery, deleted_last: bool
) -> None:
    """Its writer took a number, and was slow to write."""
    data = cv2.imencode(".png", np.full((9, 9, 3), 90, np.uint8))[1].tobytes()
    vector = gallery.embedder.embed(read_picture(data, MODEL.picture)[None])[0]
    sha256, embedding = gallery.changes.put_picture(data), embedding_of(vector, MODEL)
    both = [Deletion(["new"]), Additions([Addition("new", sha256, embedding=embedding)])]
    late, last = reversed(both) if deleted_last else both
    slow = Record(f"{time.time_ns():020d}-{'a' * 12}.json", moment(), late)
    gallery.changes.append(last)
    before = gallery.indexes.current()
    details = decode_details(gallery.indexes.manifest(before), before)
    publish_changes(details, gallery.features, gallery.embedder, gallery.settings)
    (gallery.root / "store" / "requests" / "default" / slow.name).write_bytes(slow.encode())
    assert ("new" in gallery.changes.standing().added) != deleted_last
    for version in (before, gallery.indexes.current()):
        assert ("new" in gallery.found(version)) != deleted_last


@pytest.mark.parametrize("failure", [ModelServerUnavailable("it is away"), OSError("a hiccup")])
def test_an_addition_that_cannot_be_embedded_now_is_not_left_out(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    data = cv2.imencode(".png", np.full((9, 9, 3), 90, np.uint8))[1].tobytes()
    gallery.changes.append(Additions([Addition("new", gallery.changes.put_picture(data))]))
    rows = AddedRows(gallery.changes, gallery.features, MODEL, gallery.embedder, gallery.settings)
    now = standing(gallery.changes.records())
    with monkeypatch.context() as patched:
        patched.setattr(gallery.embedder, "embed", fail)
        with pytest.raises(type(failure)):
            rows.rows(now)
    assert [row.id for row in rows.rows(now)] == ["new"]


def test_an_addition_that_is_no_picture_is_left_out(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    gallery.changes.append(Additions([Addition("bad", gallery.changes.put_picture(b"text"))]))
    rows = AddedRows(gallery.changes, gallery.features, MODEL, gallery.embedder, gallery.settings)
    assert rows.rows(standing(gallery.changes.records())) == []
    assert "the addition 'bad' is left out" in capsys.readouterr().err


def served(environment: dict[str, str], root: Path) -> dict[str, dict[str, object]]:
    """Open the current version as a replica would: what searches find, with what is known."""
    store = environment["LOOKALIKE_STORE"]
    indexes = open_indexes(store, "default")
    version = indexes.current()
    folder = VerifiedCache(root / "replica", indexes).fetch(version)
    opened = IndexVersion(version, folder)
    opened.apply(open_changes(store, "default"))
    hits = opened.search(np.ones(128, np.float32), opened.details.rows)
    opened.close()
    return {hit.picture.id: hit.picture.attributes for hit in hits}


def test_adding_deleting_and_adding_again(tmp_path: Path) -> None:
    publish_toy_model(tmp_path / "store")
    pictures = write_pictures(tmp_path / "pictures", labels=2, each=10)
    more = write_pictures(tmp_path / "more", labels=1, each=2, seed=5) / "label-0"
    with models_served(tmp_path / "store") as environment:
        environment = {**environment, "LOOKALIKE_CACHE": str(tmp_path / "cache")}

        def ran(*arguments: str) -> str:
            made = run([*arguments], environment)
            assert made.returncode == 0, made.stderr
            return made.stdout

        refused = run(["add", str(more / "0.jpg")], environment)
        assert (refused.returncode, "nothing-published" in refused.stderr) == (5, True)
        ran("reindex", str(pictures))
        before = served(environment, tmp_path)
        odd = 'odd/"🦉"'
        ran("add", str(more / "0.jpg"), "--id", odd, "--attribute", "price=2.5")
        assert served(environment, tmp_path) == {**before, odd: {"price": 2.5}}
        # The catalogue does not have it, and it stays; one of the catalogue's can be replaced.
        ran("add", str(more / "1.png"), "--id", "label-0/0.jpg", "--attribute", "new=yes")
        ran("reindex", str(pictures), "--rebuild")
        expected = {**before, odd: {"price": 2.5}, "label-0/0.jpg": {"new": "yes"}}
        assert served(environment, tmp_path) == expected
        receipt = msgspec.json.decode(ran("delete", odd, "nowhere", "--json"))
        assert receipt["found_in"]["nowhere"] == []
        assert receipt["found_in"][odd] == receipt["holds_for"][1:]
        del expected[odd]
        assert served(environment, tmp_path) == expected
        ran("reindex", str(pictures))
        assert served(environment, tmp_path) == expected
        ran("add", str(more / "0.jpg"), "--id", odd)
        assert served(environment, tmp_path) == {**expected, odd: {}}
        torn = tmp_path / "torn.jpg"
        torn.write_bytes((more / "0.jpg").read_bytes()[:300])
        both = run(["add", str(more / "1.png"), str(torn)], environment)
        assert (both.returncode, "torn.jpg" in both.stderr) == (3, True)
        assert served(environment, tmp_path) == {**expected, odd: {}}


def test_deleting_and_adding_the_same_picture_again_brings_it_back(gallery: Gallery) -> None:
    gallery.changes.append(Deletion(["picture 0005"]))
    assert "picture 0005" not in gallery.found()
    row = gallery.row("picture 0005")
    gallery.changes.append(Additions([Addition(row.id, row.sha256.hex())]))
    published = gallery.publish()  # its rows are those that are being served
    assert published.changed
    assert "picture 0005" in gallery.found()


def test_an_addition_without_a_vector_does_not_bring_back_what_was_deleted(
    gallery: Gallery,
) -> None:
    gallery.changes.append(Deletion(["picture 0005"]))
    gallery.changes.append(Additions([Addition("picture 0005", "0" * 64)]))
    now = standing(gallery.changes.records())
    opened = gallery.opened()
    wanted = VersionRows(Base(opened, gallery.root), [], now)
    rows = [row.id for row in wanted.rows()]
    assert wanted.count() == len(rows) == 59
    opened.close()
    assert "picture 0005" not in rows
