"""Extraction as a whole, with real reading processes and an embedder of the tests' own."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from lookalike.catalogue import Folder, Picture
from lookalike.errors import DataError, ModelServerRejected
from lookalike.picture import read_picture
from tests.indexing.embedders import Judging, Means
from tests.indexing.extraction.jobs import MODEL, embedded, features, ledgers, reasons, run, vectors
from tests.pictures import write_pictures

ODD_IDS = ["a/b//c", 'it\'s "quoted"', "emoji 🦜/日本", "new\nline", "x" * 4096, " ", "%2F?#"]


def listed(pictures: Path) -> list[Picture]:
    return list(Folder(pictures))


def touch(path: Path) -> None:
    """Make a file look changed, whatever the clock's resolution."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))


def test_every_picture_has_exactly_one_outcome(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=2, each=15)
    whole = (pictures / "label-0" / "0.jpg").read_bytes()
    (pictures / "label-0" / "torn.jpg").write_bytes(whole[:400])
    (pictures / "label-0" / "readme").write_bytes(b"no picture")
    (pictures / "label-0" / "empty.png").write_bytes(b"")
    gone = Picture("gone", (tmp_path / "gone").as_uri())
    catalogue = [*Folder(pictures), gone]
    tally = run(catalogue, tmp_path)
    assert (tally.embedded, tally.quarantined, tally.missing) == (30, 3, 1)
    assert reasons(tmp_path) == {
        "gone": "missing",
        "label-0/empty.png": "empty-picture",
        "label-0/readme": "not-a-picture",
        "label-0/torn.jpg": "truncated-picture",
    }
    with ledgers(tmp_path) as opened:
        ids = [row.id for row in opened.embedded()]
        ids += [row.id for row in [*opened.quarantined(), *opened.missing()]]
    assert sorted(ids) == sorted(picture.id for picture in catalogue)


def test_each_picture_gets_its_own_vector(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=3, each=40)
    run(Folder(pictures), tmp_path)
    pixels = [read_picture(item.path.read_bytes(), MODEL.picture) for item in Folder(pictures)]
    assert [row.id for row in embedded(tmp_path)] == [item.id for item in Folder(pictures)]
    assert np.array_equal(vectors(tmp_path), Means().embed(np.stack(pixels)))


def test_what_the_catalogue_says_of_a_picture_is_kept(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=1)
    (picture,) = Folder(pictures)
    attributes = {"price": 9.5, "name": "größe", "sold": False, "none": None}
    run([Picture(picture.id, picture.uri, "label", attributes)], tmp_path)
    (row,) = embedded(tmp_path)
    assert (row.uri, row.label, row.attributes) == (picture.uri, "label", attributes)
    run([Picture(picture.id, picture.uri, "other", {"price": 8}, picture.stamp)], tmp_path)
    (row,) = embedded(tmp_path)
    assert (row.label, row.attributes) == ("other", {"price": 8})


def test_unchanged_pictures_are_not_read(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=2, each=10)
    catalogue = listed(pictures)
    first = run(catalogue, tmp_path)
    before = vectors(tmp_path)
    shutil.rmtree(pictures)  # nothing can be read any more
    embedder = Means()
    again = run(catalogue, tmp_path, embedder)
    assert (first.embedded, first.unchanged) == (20, 0)
    assert (again.embedded, again.unchanged, again.missing) == (0, 20, 0)
    assert embedder.embedded == 0
    assert np.array_equal(vectors(tmp_path), before)


def test_pictures_whose_stamp_the_catalogue_does_not_tell_are_looked_at_but_not_read(
    tmp_path: Path,
) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=10)
    catalogue = [Picture(item.id, item.uri) for item in Folder(pictures)]
    run(catalogue, tmp_path)
    for path in pictures.rglob("*.*"):
        stat = path.stat()
        path.write_bytes(bytes(stat.st_size))  # no picture any more, and looks the same
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert run(catalogue, tmp_path).unchanged == 10
    next(pictures.rglob("*.*")).unlink()
    again = run(catalogue, tmp_path)
    assert (again.unchanged, again.missing) == (9, 1)


def test_a_changed_file_is_read_and_only_new_content_embedded(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=10)
    run(Folder(pictures), tmp_path)
    touch(pictures / "label-0" / "0.jpg")
    write_pictures(tmp_path / "other", labels=1, each=2, seed=9)
    shutil.copy(tmp_path / "other" / "label-0" / "1.png", pictures / "label-0" / "1.png")
    embedder = Means()
    again = run(Folder(pictures), tmp_path, embedder)
    assert (again.embedded, again.unchanged, again.made) == (2, 8, 1)
    assert embedder.embedded == 1


def test_copies_of_a_picture_are_embedded_once(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=4)
    for number in range(8):
        shutil.copy(pictures / "label-0" / "0.jpg", pictures / "label-0" / f"copy-{number}.jpg")
    embedder = Means()
    tally = run(Folder(pictures), tmp_path, embedder, processes=1, batch=16)
    assert (tally.embedded, tally.made, embedder.embedded) == (12, 4, 4)
    found = dict(zip([row.id for row in embedded(tmp_path)], vectors(tmp_path), strict=True))
    assert np.array_equal(found["label-0/0.jpg"], found["label-0/copy-7.jpg"])


def test_a_quarantine_is_kept_without_reading_until_the_file_changes(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=3)
    whole = (pictures / "label-0" / "0.jpg").read_bytes()
    torn = pictures / "label-0" / "torn.jpg"
    torn.write_bytes(whole[:400])
    stat = torn.stat()
    run(Folder(pictures), tmp_path)
    torn.write_bytes(whole[:400][::-1])  # other bytes that look unchanged
    os.utime(torn, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    run(Folder(pictures), tmp_path)
    assert reasons(tmp_path) == {"label-0/torn.jpg": "truncated-picture"}
    run(Folder(pictures), tmp_path, retry_quarantined=True)
    assert reasons(tmp_path) == {"label-0/torn.jpg": "not-a-picture"}
    torn.write_bytes(whole)
    assert run(Folder(pictures), tmp_path).quarantined == 0


def test_a_file_that_is_too_large_is_not_read_again_until_it_is_asked_for(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=2)
    for catalogue in (Folder(pictures), [Picture("x", (pictures / "label-0/0.jpg").as_uri())]):
        root = tmp_path / type(catalogue).__name__
        assert run(catalogue, root, max_file_bytes=10).quarantined
        assert set(reasons(root).values()) == {"picture-too-large"}
        assert run(catalogue, root).embedded == 0
        assert run(catalogue, root, retry_quarantined=True).quarantined == 0


def test_a_picture_without_features_is_quarantined_and_known_by_its_vector(tmp_path: Path) -> None:
    class Nothing(Means):
        def embed(self, pixels: np.ndarray) -> np.ndarray:
            return 0 * super().embed(pixels)

    pictures = write_pictures(tmp_path / "pictures", labels=1, each=3)
    run(Folder(pictures), tmp_path, Nothing())
    assert set(reasons(tmp_path).values()) == {"no-features"}
    for path in pictures.rglob("*.*"):
        touch(path)
    embedder = Means()
    assert run(Folder(pictures), tmp_path, embedder).quarantined == 3
    assert embedder.embedded == 0


def test_pictures_that_left_the_catalogue_leave_the_ledger(tmp_path: Path) -> None:
    catalogue = listed(write_pictures(tmp_path / "pictures", labels=1, each=6))
    run(catalogue, tmp_path)
    assert run(catalogue[2:], tmp_path, allow_shrink=True).removed == 2
    assert [row.id for row in embedded(tmp_path)] == [item.id for item in catalogue[2:]]


def test_features_that_were_deleted_are_made_again(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=6)
    run(Folder(pictures), tmp_path)
    before = vectors(tmp_path)
    shutil.rmtree(tmp_path / "store" / "features")
    assert run(Folder(pictures), tmp_path).made == 6
    assert np.array_equal(vectors(tmp_path), before)


def test_a_damaged_part_of_the_features_is_left_out_and_made_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=6)
    run(Folder(pictures), tmp_path)
    (name,) = features(tmp_path).parts()
    path = next((tmp_path / "store" / "features").rglob(name))
    path.write_bytes(path.read_bytes()[:-20])
    assert run(Folder(pictures), tmp_path).made == 6
    assert f"{name} are damaged" in capfd.readouterr().err


def test_odd_ids_come_through(tmp_path: Path) -> None:
    (picture,) = Folder(write_pictures(tmp_path / "pictures", labels=1, each=1))
    catalogue = [Picture(name, picture.uri, None, {}, picture.stamp) for name in ODD_IDS]
    run(catalogue, tmp_path)
    assert [row.id for row in embedded(tmp_path)] == sorted(ODD_IDS)
    assert run(catalogue, tmp_path).unchanged == len(ODD_IDS)


@pytest.mark.parametrize("apart", [1, 300])
def test_an_id_that_is_there_twice_is_named(tmp_path: Path, apart: int) -> None:
    (picture,) = Folder(write_pictures(tmp_path / "pictures", labels=1, each=1))
    names = [f"id-{number}" for number in range(apart)] + ["id-0"]
    catalogue = [Picture(name, picture.uri) for name in names]
    with pytest.raises(DataError, match="'id-0'"):
        run(catalogue, tmp_path)


def test_an_error_in_the_catalogue_ends_the_job_and_the_next_run_goes_on(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=2, each=100)

    def broken() -> object:
        yield from listed(pictures)[:150]
        raise DataError("the catalogue broke off")

    with pytest.raises(DataError, match="broke off"):
        run(broken(), tmp_path)
    with pytest.raises(DataError, match="--part 0 --of 1 again"):
        ledgers(tmp_path)
    embedder = Means()
    tally = run(Folder(pictures), tmp_path, embedder)
    assert tally.resumed
    assert tally.pictures == tally.embedded == 200


def test_too_many_pictures_without_a_vector_end_the_job_with_the_commonest_reason(
    tmp_path: Path,
) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=8)
    (pictures / "a.jpg").write_bytes(b"no picture")
    (pictures / "b.jpg").write_bytes(b"")
    (pictures / "c.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"3 of 11 .* empty-picture \(2 times, such as 'b.jpg'\)"):
        run(Folder(pictures), tmp_path, max_rejected=0.2)
    with pytest.raises(DataError, match="broken off"):
        ledgers(tmp_path)
    assert run(Folder(pictures), tmp_path, max_rejected=0.3).quarantined == 3


def test_a_job_without_hope_ends_early(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"no picture")
    uri = (tmp_path / "bad").as_uri()
    taken = []

    def catalogue() -> object:
        for number in range(100_000):
            taken.append(number)
            yield Picture(str(number), uri)

    with pytest.raises(DataError, match="so far"):
        run(catalogue(), tmp_path, max_rejected=0.5)
    assert len(taken) < 100_000


def test_bad_pictures_that_come_first_do_not_end_the_job_of_a_catalogue_that_grew(
    tmp_path: Path,
) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=1)
    (uri,) = [picture.uri for picture in Folder(pictures)]
    good = [Picture(f"good {number:04}", uri) for number in range(2000)]
    bad = [Picture(f"bad {number:04}", f"{uri}.gone") for number in range(200)]
    assert run(iter(good[:1500]), tmp_path, max_rejected=0.1).pictures == 1500
    tally = run(iter([*bad, *good]), tmp_path, max_rejected=0.1)
    assert (tally.pictures, tally.missing) == (2200, 200)


def test_a_row_that_the_server_refuses_is_found_and_quarantined(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=30)
    white = pictures / "label-0" / "white.png"
    cv2.imwrite(str(white), np.full((40, 40, 3), 255, np.uint8))

    def judge(pixels: np.ndarray) -> Exception | None:
        bad = (pixels == 255).all(axis=(1, 2, 3)).any()
        return ModelServerRejected("a row is bad") if bad else None

    tally = run(Folder(pictures), tmp_path, Judging(judge), batch=32)
    assert (tally.embedded, tally.quarantined) == (30, 1)
    assert reasons(tmp_path) == {"label-0/white.png": "model-server-rejected"}


def test_an_empty_catalogue_is_extracted_to_nothing(tmp_path: Path) -> None:
    assert run([], tmp_path).pictures == 0
    assert embedded(tmp_path) == []
