"""``lookalike index prune``: this machine's copies go with the versions."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexing.index_cli import index
from indexing.version_copies import prune_copies
from lookalike.changes import Deletion
from lookalike.store import VerifiedCache
from tests.indexing.publishing.galleries import Gallery, a_plan

DELETED = "picture 0003"


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    gallery = Gallery(tmp_path)
    gallery.fill(20)
    monkeypatch.setenv("LOOKALIKE_STORE", gallery.settings.store)
    monkeypatch.setenv("LOOKALIKE_CACHE", gallery.settings.cache)
    return gallery


def holding(folder: Path, name: str) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if name.encode() in path.read_bytes()]


def test_once_a_deleted_picture_s_versions_are_pruned_no_copy_here_has_it(gallery: Gallery) -> None:
    cache, versions = Path(gallery.settings.cache), gallery.root / "store" / "indexes"
    first = gallery.publish().version
    VerifiedCache(cache, gallery.indexes).fetch(first)  # as `quarantine --published` does
    gallery.changes.append(Deletion([DELETED]))
    second = gallery.publish(plan=a_plan(anew=True)).version
    VerifiedCache(cache, gallery.indexes).fetch(second)
    assert len(holding(cache, DELETED)) == 2
    ran = CliRunner().invoke(index, ["prune", "--keep", "1", "--json"], catch_exceptions=False)
    removed = json.loads(ran.stdout)
    assert (removed["indexes"], removed["copies"]) == ([first], [first])
    assert holding(cache, DELETED) == holding(versions, DELETED) == []
    assert holding(cache, "picture 0004")  # what stays is copied no second time


def test_where_nothing_was_copied_no_cache_is_made(gallery: Gallery, tmp_path: Path) -> None:
    gallery.publish()
    assert prune_copies(tmp_path / "other", gallery.indexes) == []
    assert not (tmp_path / "other").exists()
