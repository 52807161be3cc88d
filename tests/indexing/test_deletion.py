"""The receipt of a deletion: which versions have the pictures, and what telling it reads."""

import tempfile
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from indexing.deletion import delete
from indexing.sent_pictures import prune_pictures
from indexing.unneeded_features import prune_features
from lookalike.index.picture_file import PictureFile
from lookalike.store import Collection, verify_version
from tests.indexing.publishing.galleries import Gallery


@pytest.fixture(params=["local", "remote"])
def gallery(request: pytest.FixtureRequest, tmp_path: Path) -> Gallery:
    """Four versions, each with a delta of its own beside one base."""
    store = f"memory://{tmp_path}/store" if request.param == "remote" else ""
    gallery = Gallery(tmp_path, store)
    gallery.fill(200)
    gallery.publish()
    for number in range(1000, 1003):
        gallery.fill(1, first=number)
        gallery.publish()
    return gallery


def test_rows_that_versions_share_are_looked_into_once(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloaded, opened = [], []
    download, find = Collection.download, PictureFile.find

    def noting_download(self: Collection, version: str, file: object, to: Path) -> None:
        downloaded.append(self.place(version, file))  # type: ignore[arg-type]
        download(self, version, file, to)  # type: ignore[arg-type]

    def noting_find(self: PictureFile, ids: object) -> object:
        opened.append(self.count)
        return find(self, ids)  # type: ignore[arg-type]

    monkeypatch.setattr(Collection, "download", noting_download)
    monkeypatch.setattr(PictureFile, "find", noting_find)
    receipt = delete(["picture 0003", "picture 1001", "nowhere"], gallery.settings)
    versions = gallery.indexes.versions()
    assert receipt.found_in == {
        "picture 0003": versions,
        "picture 1001": versions[2:],
        "nowhere": [],
    }
    assert sorted(opened) == [1, 2, 3, 200]
    assert len(downloaded) == len(set(downloaded))


def test_what_is_made_or_copied_for_a_bucket_lies_where_the_next_run_clears_it_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = Gallery(tmp_path, f"memory://{tmp_path}/store")
    gallery.fill(20)
    make = tempfile.TemporaryDirectory

    def within(*, dir: Path) -> object:  # noqa: A002  # its parameter's name
        return make(dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryDirectory", within)  # nothing beside what is cleared
    version = gallery.publish().version
    assert delete(["picture 0003"], gallery.settings).found_in == {"picture 0003": [version]}
    scratch = gallery.settings.scratch
    assert verify_version(gallery.indexes, version, scratch=scratch)
    assert prune_pictures(gallery.indexes, gallery.changes, scratch) == []
    assert prune_features(gallery.settings.store, gallery.indexes, scratch) == []
    assert list(scratch.iterdir()) == []


def test_a_version_that_cannot_be_looked_into_is_named_and_hides_no_other(
    gallery: Gallery,
) -> None:
    first, second, *others = gallery.indexes.versions()
    [delta] = gallery.indexes.location.names(f"{second}/*.pictures")
    gallery.indexes.location.write(delta, b"damaged")
    receipt = delete(["picture 0003"], gallery.settings)
    assert receipt.not_read == [second]
    assert receipt.found_in == {"picture 0003": [first, *others]}


def test_a_deletion_has_its_receipt_though_the_store_is_away_after_it(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://bucket")

    monkeypatch.setattr(PictureFile, "find", away)
    receipt = delete(["picture 0003"], gallery.settings)
    assert receipt.found_in == {"picture 0003": []}
    assert receipt.not_read == receipt.holds_for == gallery.indexes.versions()
    assert "picture 0003" in gallery.changes.standing().deleted
