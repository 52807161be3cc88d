"""SIGKILL while publishing: the served version goes on, and no half-written one is ever seen."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexing.extraction.parts import Part
from indexing.extraction.settings import ExtractionSettings
from indexing.publishing import GateSettings, Plan
from indexing.reindex import Live, build_index, extract_part
from lookalike.catalogue import Folder
from lookalike.errors import NothingPublished
from lookalike.index import IndexVersion
from lookalike.settings import Settings
from lookalike.store import VerifiedCache, open_indexes, verify_version
from tests.indexing.embedders import DIMENSIONS, Means
from tests.indexing.extraction.jobs import MODEL
from tests.indexing.killing import ChangeCounter, run_apart
from tests.pictures import write_pictures


def reindex(root: Path, kill_at: int | None, anew: bool, done: Any) -> None:
    """Extract and publish; die at the ``kill_at``-th change of a file below ``root``."""
    changes = ChangeCounter(root / "work", kill_at)
    settings = Settings(store=str(root / "work" / "store"), cache=str(root / "work" / "cache"))
    live = Live(MODEL, Means())
    extract_part(Folder(root / "pictures"), Part(), live, settings, ExtractionSettings(processes=1))
    plan = Plan(name="default", model=MODEL, anew=anew)
    build_index(live, plan, GateSettings(), settings)
    done.value = changes.count


def run(root: Path, kill_at: int | None, anew: bool = False) -> tuple[int | None, int]:
    return run_apart(reindex, root, kill_at, anew)


def served(root: Path) -> tuple[str, set[str]]:
    """Open the current version as a replica would: its name, and all that searches find."""
    indexes = open_indexes(str(root / "work" / "store"), "default")
    version = indexes.current()
    opened = IndexVersion(version, VerifiedCache(root / "replica", indexes).fetch(version))
    hits = opened.search(np.ones(DIMENSIONS, np.float32), opened.details.rows)
    opened.close()
    return version, {hit.picture.id for hit in hits}


def check_every_kill(root: Path, step: int, *, anew: bool) -> None:
    pictures = write_pictures(root / "pictures", labels=2, each=10)
    toggled, kept = pictures / "label-0" / "0.jpg", root / "kept.jpg"
    assert run(root, None, anew)[0] == 0
    with_it = served(root)[1]
    toggled.rename(kept)  # so that there is something to publish
    code, changes = run(root, None, anew)
    assert code == 0
    assert changes > 20
    before, without_it = served(root)
    assert with_it - without_it == {"label-0/0.jpg"}
    indexes = open_indexes(str(root / "work" / "store"), "default")
    for kill_at in range(1, changes + 1, step):
        kept.rename(toggled) if kept.exists() else toggled.rename(kept)
        code, _ = run(root, kill_at, anew)
        assert code in (0, -signal.SIGKILL), kill_at  # 0: one change more or less is to be made
        for version in indexes.versions():
            verify_version(indexes, version)
        version, found = served(root)
        assert version >= before
        assert found in (with_it, without_it), kill_at
    assert run(root, None, anew)[0] == 0
    assert served(root)[1] == (with_it if toggled.exists() else without_it)
    left = [path.name for path in (root / "work" / "store/indexes/default").glob(".draft*")]
    assert left == []


def test_a_kill_at_any_of_some_changes_leaves_the_served_version(tmp_path: Path) -> None:
    check_every_kill(tmp_path, step=17, anew=False)


@pytest.mark.long
@pytest.mark.parametrize("anew", [False, True])
def test_a_kill_at_any_change_leaves_the_served_version(anew: bool, tmp_path: Path) -> None:
    check_every_kill(tmp_path, step=1, anew=anew)


def test_a_kill_during_the_very_first_run_leaves_nothing_published(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", labels=2, each=3)
    code, _ = run(tmp_path, 12)
    assert code == -signal.SIGKILL
    with pytest.raises(NothingPublished):
        open_indexes(str(tmp_path / "work" / "store"), "default").current()
    assert run(tmp_path, None)[0] == 0
