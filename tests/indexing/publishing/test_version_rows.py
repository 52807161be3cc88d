"""What is looked up of a version with changes is what a pass over all its rows finds."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexing.addition import publish_changes
from indexing.build.shards import pictures_name
from indexing.difference import Dead, Fresh, differences
from indexing.publishing import Base, Published, VersionRows, Wanted
from lookalike.changes import Addition, Additions, Deletion, Record, Standing, standing
from lookalike.index import (
    IndexDetails,
    IndexVersion,
    PictureRow,
    Probe,
    Quarantined,
    SearchParameters,
    bits_of,
    write_pictures,
    write_probes,
    write_quarantine,
    write_tombstones,
)
from lookalike.index.probes import FILE_NAME
from tests.indexing.publishing.galleries import MODEL, Gallery, picture
from tests.lookalike.index.segments import write_segments

IDS = ["", "A", "a", "a/b", "a b", "é", "🦉", "z" * 50]
ids = st.sampled_from(IDS)
contents = st.integers(0, 2)
pictures = st.dictionaries(ids, contents)
deletions = st.builds(Deletion, st.lists(ids, max_size=3))
additions = st.builds(
    lambda of: Additions([Addition(name, sha256(content).hex()) for name, content in of.items()]),
    pictures,
)
changes = st.lists(deletions | additions, max_size=4)


def sha256(content: int) -> bytes:
    return bytes([content]) * 32


def row(name: str, content: int) -> PictureRow:
    return PictureRow(name, f"file:///{content}", None, sha256(content))


def rows(held: dict[str, int]) -> list[PictureRow]:
    return [row(name, content) for name, content in sorted(held.items())]


@contextmanager
def version(base: dict[str, int], now: dict[str, int], bad: set[str]) -> Iterator[Base]:
    """Give a version that was built of ``base``, in two shards, and then came to hold ``now``."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "version"
        folder.mkdir()
        details = write_version(folder, [rows(base)[::2], rows(base)[1::2]], rows(now))
        write_quarantine(folder / "quarantine.sqlite", [Quarantined(n, "u", "t", "d") for n in bad])
        with closing(IndexVersion("version", folder, details)) as opened:
            yield Base(opened, folder)


def write_version(
    folder: Path, shards: list[list[PictureRow]], now: list[PictureRow]
) -> IndexDetails:
    base = list(enumerate([picture for shard in shards for picture in shard]))
    found = list(differences(sorted(base, key=lambda item: item[1].id), now))
    delta = fresh(found)
    segments = [segment for segment in [*shards, delta] if segment]
    vectors = np.ones((len(base) + len(delta), 4), np.float32)
    built = write_segments(vectors, "Flat", folder, [len(segment) for segment in segments])
    written = [msgspec.structs.replace(shard, attributes=None) for shard in built]
    for number, segment in enumerate(segments):
        write_pictures(folder / pictures_name(f"s{number}"), segment)
    write_tombstones(folder / "dead", bits_of(dead(found), len(vectors)))
    probe = cv2.imencode(".png", picture(0))[1].tobytes()
    write_probes(folder / FILE_NAME, [Probe("", probe, [1.0])])
    return IndexDetails(
        name="default",
        model=MODEL,
        metric="l2",
        factory="Flat",
        search=SearchParameters(),
        shards=written[:-1] if delta else written,
        delta=written[-1] if delta else None,
        tombstones="dead" if dead(found) else None,
        pictures=len(now),
        quarantine="quarantine.sqlite",
        quarantined=0,
    )


def recorded(done: list[Deletion | Additions]) -> Standing:
    return standing(Record(f"{number:03}", "now", change) for number, change in enumerate(done))


def fresh(changes: list[Dead | Fresh]) -> list[PictureRow]:
    return [change.picture for change in changes if isinstance(change, Fresh)]


def dead(changes: list[Dead | Fresh]) -> list[int]:
    return sorted(change.row for change in changes if isinstance(change, Dead))


@given(st.dictionaries(ids, contents, min_size=1), pictures, changes, st.sets(ids), st.sets(ids))
@settings(deadline=None)
def test_lookups_find_what_a_pass_over_all_rows_finds(
    base: dict[str, int],
    now: dict[str, int],
    done: list[Deletion | Additions],
    without_vector: set[str],
    bad: set[str],
) -> None:
    stand = recorded(done)
    added = [
        row(name, bytes.fromhex(addition.sha256)[0])
        for name, addition in sorted(stand.added.items())
        if name not in without_vector
    ]
    with version(base, now, bad) as served:
        wanted = VersionRows(served, added, stand)
        streamed, found = list(Wanted.changes(wanted, served)), list(wanted.changes(served))
        assert fresh(found) == fresh(streamed)
        assert dead(found) == dead(streamed)
        assert wanted.count() == Wanted.count(wanted)
        assert wanted.same_rows(served) == Wanted.same_rows(wanted, served)
        assert wanted.same_quarantine(served) == Wanted.same_quarantine(wanted, served)


def test_an_addition_whose_number_turned_into_a_truth_value_is_a_change(tmp_path: Path) -> None:
    before, after = (
        msgspec.structs.replace(row("a", 1), attributes={"in_stock": value}) for value in (1, True)
    )
    details = write_version(tmp_path, [[before]], [before])
    write_quarantine(tmp_path / "quarantine.sqlite", [])
    with closing(IndexVersion("version", tmp_path, details)) as opened:
        served = Base(opened, tmp_path)
        stand = recorded([Additions([Addition("a", after.sha256.hex())])])
        wanted = VersionRows(served, [after], stand)
        assert not wanted.same_rows(served)
        assert list(wanted.changes(served)) == [Dead(0), Fresh(after)]
        assert VersionRows(served, [before], stand).same_rows(served)


class Endless(Wanted):
    """A quarantine that no memory holds."""

    deleted = folded = frozenset()

    def rows(self) -> Iterator[PictureRow]:
        raise AssertionError("rows are not asked for")

    def quarantined(self) -> Iterator[Quarantined]:
        return (Quarantined(f"{number:09}", "u", "t", "d") for number in itertools.count())


def test_quarantines_are_compared_as_they_stream() -> None:
    with version({"a": 1}, {"a": 1}, {"000000000", "000000001"}) as served:
        assert not Endless().same_quarantine(served)


def test_rows_of_one_version_are_not_compared_with_another() -> None:
    with version({"a": 1}, {"a": 1}, set()) as one, version({"a": 1}, {"a": 1}, set()) as other:
        wanted = VersionRows(one, [], recorded([]))
        assert wanted.same_rows(one)
        with pytest.raises(ValueError, match="that alone"):
            wanted.same_rows(other)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    made = Gallery(tmp_path)
    made.fill(60)
    made.quarantine = [
        Quarantined(name, f"file:///{name}", "truncated-picture", "cut") for name in ("bad", "torn")
    ]
    made.publish()
    return made


def add(gallery: Gallery, name: str, number: int) -> None:
    """Record the addition of a picture."""
    gallery.pictures[name] = number
    data = Path(gallery.row(name).uri.removeprefix("file://")).read_bytes()
    gallery.changes.append(Additions([Addition(name, gallery.changes.put_picture(data))]))


def publish(gallery: Gallery) -> Published:
    opened = gallery.opened()
    opened.close()
    return publish_changes(opened.details, gallery.features, gallery.embedder, gallery.settings)


@pytest.fixture
def base_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every pass over a version's rows fail, but for that over its delta."""
    for name in ("base", "alive"):
        monkeypatch.setattr(IndexVersion, name, None)


@pytest.mark.usefixtures("base_unread")
def test_changes_are_published_without_a_pass_over_the_base(gallery: Gallery) -> None:
    add(gallery, "new", 1000)
    add(gallery, "picture 0003", 1001)
    assert publish(gallery).delta == 2
    assert gallery.found() == set(gallery.pictures)
    add(gallery, "other", 1002)
    gallery.changes.append(Deletion(["new", "picture 0004"]))
    third = publish(gallery)
    assert (third.delta, third.details.pictures) == (2, 60)
    assert gallery.found() == set(gallery.pictures) - {"new", "picture 0004"}
    assert not publish(gallery).changed


@pytest.mark.usefixtures("base_unread")
def test_a_quarantine_that_stays_is_shared_and_another_is_written(gallery: Gallery) -> None:
    first = gallery.indexes.current()
    for name, owner, quarantined in (("new", first, 2), ("bad", None, 1)):
        add(gallery, name, 1000 + quarantined)
        published = publish(gallery)
        file = gallery.indexes.manifest(published.version).file("quarantine.sqlite")
        assert (file.version, published.details.quarantined) == (owner, quarantined)
