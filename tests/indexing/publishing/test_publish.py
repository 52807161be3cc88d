"""What is published: a base, a delta beside it, or nothing; and what is refused."""

import multiprocessing
import resource
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from indexing.build import BuildSettings
from indexing.factory import Recipe
from indexing.publishing import Base, GateSettings, Published, Publisher, Wanted
from indexing.publishing.recall import queries_for
from lookalike.changes import Deletion
from lookalike.errors import (
    CatalogueShrunk,
    DataError,
    NothingPublished,
    ProbeMismatch,
    PublishConflict,
    RecallTooLow,
    StoreFull,
    VersionNotFound,
)
from lookalike.index import Quarantined, SearchParameters
from lookalike.picture.contract import Pixels
from lookalike.store import open_models, prune, verify_version
from lookalike.vectors import Vectors
from tests.indexing.embedders import Means
from tests.indexing.publishing.galleries import MODEL, Gallery, a_plan, change
from tests.model_server.test_sync import export


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    made = Gallery(tmp_path)
    made.fill(60)
    return made


def written(gallery: Gallery, version: str) -> set[str]:
    return {name.split("/")[1] for name in gallery.indexes.location.names(f"{version}/*")}


def finds_itself_first(gallery: Gallery, name: str, version: str | None = None) -> bool:
    opened = gallery.opened(version)
    [hit] = opened.search(gallery.vector(name), 1)
    opened.close()
    return hit.distance < 1e-3 and gallery.pictures[hit.picture.id] == gallery.pictures[name]


def test_the_first_version_has_a_base_and_no_delta(gallery: Gallery) -> None:
    published = gallery.publish()
    assert published.changed
    assert published.details.delta is published.details.tombstones is None
    assert gallery.indexes.current() == published.version
    assert gallery.found() == set(gallery.pictures)
    assert all(finds_itself_first(gallery, name) for name in gallery.pictures)


def test_nothing_changed_publishes_nothing(gallery: Gallery) -> None:
    first = gallery.publish()
    again = gallery.publish()
    assert again == Published(version=first.version, changed=False, details=first.details)
    assert gallery.indexes.versions() == [first.version]


def test_little_change_writes_a_delta_and_shares_the_base(gallery: Gallery) -> None:
    first = gallery.publish()
    change(gallery)
    second = gallery.publish()
    assert second.delta == 3
    assert second.details.shards == first.details.shards
    assert second.details.pictures == 61
    base_files = {name for shard in first.details.shards for name in shard.files}
    assert not base_files & written(gallery, second.version)
    assert gallery.found() == set(gallery.pictures)
    assert all(finds_itself_first(gallery, name) for name in gallery.pictures)
    verify_version(gallery.indexes, second.version)


def test_base_and_delta_answer_as_a_full_rebuild(gallery: Gallery) -> None:
    gallery.publish()
    change(gallery)
    delta = gallery.publish()
    full = gallery.publish(a_plan(anew=True))
    assert delta.details.delta is not None
    assert full.details.delta is None
    one, other = gallery.opened(delta.version), gallery.opened(full.version)
    for name in gallery.pictures:
        vector = gallery.vector(name)
        hits, expected = one.search(vector, 10), other.search(vector, 10)
        gaps = [abs(a.distance - b.distance) for a, b in zip(hits, expected, strict=True)]
        assert max(gaps) < 1e-5
    one.close()
    other.close()


def test_a_second_delta_replaces_the_first(gallery: Gallery) -> None:
    gallery.publish()
    change(gallery)
    gallery.publish()
    del gallery.pictures["picture 1000"]
    third = gallery.publish()
    assert third.delta == 2
    assert gallery.found() == set(gallery.pictures)


def test_only_removals_need_no_delta_and_going_back_needs_nothing(gallery: Gallery) -> None:
    gallery.publish()
    number = gallery.pictures.pop("picture 0003")
    second = gallery.publish()
    assert second.details.delta is None
    assert "picture 0003" not in gallery.found()
    gallery.pictures["picture 0003"] = number
    third = gallery.publish()
    assert third.details.tombstones is third.details.delta is None
    assert gallery.found() == set(gallery.pictures)


@pytest.mark.parametrize(
    "factory", ["HNSW32", "IVF4,Flat", "IVF4,SQ8", "IVF4,PQ3x4fs,Refine(SQfp16)"]
)
def test_every_index_type_takes_a_delta_and_finds_no_tombstone(
    factory: str, tmp_path: Path
) -> None:
    gallery = Gallery(tmp_path)
    gallery.fill(300)
    search = SearchParameters(nprobe=4) if "IVF" in factory else SearchParameters(ef_search=200)
    plan = a_plan(build=BuildSettings(recipe=Recipe(factory, search), processes=1))
    gallery.publish(plan)
    change(gallery)
    second = gallery.publish(plan)
    assert second.delta == 3
    assert gallery.found() == set(gallery.pictures)


def test_rows_that_change_only_in_what_is_known_of_them_are_changed(gallery: Gallery) -> None:
    gallery.publish()
    row = gallery.row("picture 0001")
    gallery._rows["picture 0001", 1] = type(row)(row.id, row.uri, "blue", row.sha256, {"price": 2})
    assert gallery.publish().delta == 1
    opened = gallery.opened()
    hits = opened.search(gallery.vector("picture 0001"), 1)
    assert (hits[0].picture.label, hits[0].picture.attributes) == ("blue", {"price": 2})
    opened.close()


def test_the_quarantine_alone_makes_a_version(gallery: Gallery) -> None:
    gallery.publish()
    gallery.quarantine.append(Quarantined("bad", "file:///bad", "truncated-picture", "cut off"))
    second = gallery.publish()
    assert second.changed
    assert second.details.quarantined == 1
    assert not gallery.publish().changed


def test_a_catalogue_that_lost_more_than_a_tenth_is_refused(gallery: Gallery) -> None:
    first = gallery.publish()
    for number in range(7):
        del gallery.pictures[f"picture {number:04d}"]
    with pytest.raises(CatalogueShrunk, match=r"53 pictures.* 60 .*--allow-shrink"):
        gallery.publish()
    assert gallery.indexes.current() == first.version
    gallery.publish(gate=GateSettings(allow_shrink=True))
    assert gallery.found() == set(gallery.pictures)


def test_what_was_deleted_by_name_is_no_loss(gallery: Gallery) -> None:
    gallery.publish()
    gallery.changes.append(Deletion([f"picture {number:04d}" for number in range(20)]))
    assert gallery.publish().details.pictures == 40


def test_an_empty_catalogue_is_refused_unless_it_is_meant(gallery: Gallery) -> None:
    first = gallery.publish()
    gallery.pictures.clear()
    with pytest.raises(CatalogueShrunk):
        gallery.publish()
    assert gallery.indexes.current() == first.version
    second = gallery.publish(gate=GateSettings(allow_shrink=True))
    assert second.details.pictures == 0
    assert gallery.found() == set()
    gallery.fill(30)
    gallery.publish()
    assert gallery.found() == set(gallery.pictures)


def test_nothing_at_all_is_never_published(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path)
    with pytest.raises(DataError, match="gives no picture"):
        gallery.publish(gate=GateSettings(allow_shrink=True))
    with pytest.raises(NothingPublished):
        gallery.indexes.current()


def test_an_index_that_finds_too_little_is_refused(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path)
    gallery.fill(300)
    recipe = Recipe("IVF32,Flat", SearchParameters(nprobe=1))
    plan = a_plan(build=BuildSettings(recipe=recipe, processes=1))
    with pytest.raises(RecallTooLow, match=r"recall@10 is 0\.\d+, well under the 0\.98"):
        gallery.publish(plan, GateSettings(min_recall=0.98))
    assert gallery.indexes.versions() == []
    gallery.publish(plan)


@pytest.mark.parametrize(("least", "queries"), [(None, 50), (0.9, 200)])
def test_fewer_queries_measure_a_recall_that_nobody_demands(
    least: float | None, queries: int, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.fill(210)
    gallery.publish(a_plan(anew=True))
    gallery.fill(1, first=1000)
    monkeypatch.setattr("indexing.publishing.recall.COMPARISONS", 500)
    measured = gallery.publish(gate=GateSettings(min_recall=least)).details.measured
    assert measured is not None
    assert (measured.queries, measured.truth) == (queries, 211)


@pytest.mark.parametrize(
    ("rows", "queries"), [(2, 200), (250_000, 200), (500_000, 100), (10**6, 50), (10**8, 50)]
)
def test_the_more_pictures_the_fewer_queries_measure_an_addition(rows: int, queries: int) -> None:
    assert queries_for(rows) == queries


def test_a_delta_is_measured_together_with_its_base(gallery: Gallery) -> None:
    gallery.publish()
    change(gallery)
    measured = gallery.publish().details.measured
    assert measured is not None
    assert measured.truth == 61
    assert measured.recall_at_10 == 1.0


class Other(Means):
    """Another model under the same version."""

    def embed(self, pixels: Pixels) -> Vectors:
        return super().embed(pixels)[:, ::-1] ** 3


def test_a_model_server_with_another_model_publishes_nothing(gallery: Gallery) -> None:
    gallery.want(None)  # embedded by the right one
    gallery.embedder = Other()
    with pytest.raises(ProbeMismatch):
        gallery.publish()
    assert gallery.indexes.versions() == []


def test_an_index_of_a_model_that_was_pruned_meanwhile_is_not_served(gallery: Gallery) -> None:
    models = open_models(gallery.settings.store, MODEL.name)
    assert export(models) == str(MODEL.version)
    first = gallery.publish()
    change(gallery)
    want = gallery.want

    def interrupted(base: Base | None) -> Wanted:
        export(models, "retrained")
        assert prune(models, keep=1) == [str(MODEL.version)]
        return want(base)

    gallery.want = interrupted  # type: ignore[method-assign,assignment]
    with pytest.raises(VersionNotFound, match=r"version 1 of the model embedder .* Run the job"):
        gallery.publish()
    assert gallery.indexes.current() == first.version
    gallery.want = want  # type: ignore[method-assign]
    assert gallery.publish(a_plan(origin="changes")).details.model == MODEL


def test_a_damaged_served_version_is_built_anew_not_upon(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    first = gallery.publish()
    shard = gallery.root / "store/indexes/default" / first.version / first.details.shards[0].file
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.unlink()  # the cache has it as a hard link
    shard.write_bytes(data)
    (gallery.root / "cache").rename(gallery.root / "elsewhere")
    change(gallery)
    second = gallery.publish()
    assert second.details.delta is None
    assert "not built upon" in capsys.readouterr().err
    assert gallery.found() == set(gallery.pictures)


def test_of_two_publishers_of_a_catalogue_one_wins_and_the_other_says_so(
    gallery: Gallery,
) -> None:
    gallery.publish()
    rival = Gallery(gallery.root)
    rival.pictures = {**gallery.pictures, "rival": 500}
    want, moved = gallery.want, []

    def interrupted(base: object) -> object:
        if not moved:
            moved.append(rival.publish().version)
        return want(None)

    gallery.want = interrupted  # type: ignore[method-assign,assignment]
    change(gallery)
    with pytest.raises(PublishConflict, match="run the job again"):
        gallery.publish()
    assert gallery.indexes.current() == moved[0]
    for version in gallery.indexes.versions():
        verify_version(gallery.indexes, version)


def test_a_version_of_many_small_shards_answers_like_one(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path)
    gallery.fill(200)
    one = gallery.publish()
    plan = a_plan(build=BuildSettings(shard_limit=60, processes=2), anew=True)
    many = gallery.publish(plan)
    assert len(many.details.shards) == 4
    change(gallery)
    assert gallery.publish(a_plan(build=plan.build)).delta == 3
    assert gallery.found() == set(gallery.pictures)
    assert one.details.pictures == many.details.pictures == np.int64(200)


def publish_with_little_room(root: Path, limit: int, told: Connection) -> None:
    """Publish where no file may grow past ``limit`` bytes; tell what came of it."""
    gallery = Gallery(root)
    gallery.fill(1000)
    wanted = gallery.want(None)
    gallery.want = lambda _: wanted  # type: ignore[method-assign,assignment,return-value]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        told.send(gallery.publish(a_plan(anew=True)).version)
    except StoreFull as error:
        told.send(str(error))


@pytest.mark.parametrize("limit", [10_000, 20_000])
def test_a_full_disk_is_told_and_the_served_version_stays(limit: int, tmp_path: Path) -> None:
    gallery = Gallery(tmp_path)
    gallery.fill(1000)
    first = gallery.publish()
    sizes = [path.stat().st_size for path in (tmp_path / "store/indexes").rglob("*.*")]
    assert max(sizes) > limit
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=publish_with_little_room, args=(tmp_path, limit, there)
    )
    process.start()
    there.close()
    assert here.recv().startswith("there is no room")
    process.join()
    assert gallery.indexes.versions() == [gallery.indexes.current()] == [first.version]
    assert list((tmp_path / "store/indexes/default").glob(".draft*")) == []


def test_a_rollback_during_a_rebuild_is_not_overridden(gallery: Gallery) -> None:
    first = gallery.publish().version
    gallery.fill(1, first=3000)
    gallery.publish(a_plan(origin="changes"))
    gallery.fill(1, first=3001)
    want = gallery.want

    def interrupted(base: object) -> object:
        gallery.indexes.set_current(first)
        return want(None)

    gallery.want = interrupted  # type: ignore[method-assign,assignment]
    with pytest.raises(PublishConflict):
        gallery.publish()
    assert gallery.indexes.current() == first


def test_additions_published_during_a_rebuild_are_taken_in(gallery: Gallery) -> None:
    gallery.publish()
    want, added = gallery.want, []

    def interrupted(base: object) -> object:
        if not added:
            added.append(True)
            gallery.fill(1, first=3000)
            Publisher(
                gallery.settings,
                a_plan(origin="changes"),
                gallery.features,
                gallery.embedder,
                GateSettings(),
            ).publish(want)
            gallery.fill(1, first=3001)
        return want(None)

    gallery.want = interrupted  # type: ignore[method-assign,assignment]
    published = gallery.publish(a_plan(anew=True))
    assert gallery.indexes.current() == published.version
    assert gallery.found() == set(gallery.pictures)
    verify_version(gallery.indexes, published.version)
