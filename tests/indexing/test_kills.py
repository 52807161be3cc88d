"""SIGKILL while publishing: the served version goes on, and no half-written one is ever seen."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from indexing.build import Plan
from indexing.extract import ExtractionSettings, extract
from indexing.factory import Recipe
from indexing.features import FeatureCache
from indexing.publish import publish
from lookalike.catalogue import Folder
from lookalike.errors import NothingPublished
from lookalike.index import IndexVersion, ModelReference, SearchParameters
from lookalike.picture import PictureContract
from lookalike.settings import Settings
from lookalike.store import Location, VerifiedCache, open_indexes, verify_version
from tests.indexing.test_units import Means
from tests.pictures import write_pictures
from tests.services import until

# Audit events of everything that changes a file (docs.python.org/3/library/audit_events.html).
CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "sqlite3.connect"}
MODEL = ModelReference(
    name="embedder",
    version=1,
    weights_sha256="",
    picture=PictureContract(size=32),
    dimensions=6,
)
PLAN = Plan(name="default", model=MODEL, metric="cosine", recipe=Recipe("Flat", SearchParameters()))


def reindex(root: Path, kill_at: int | None, done: Any = None) -> None:
    """Extract and publish; die at the ``kill_at``-th change of a file below ``root``."""
    changes = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal changes
        if event in CHANGES and str(root / "work") in str(arguments[0]):
            changes += 1
            if changes == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    settings = Settings(store=str(root / "work" / "store"), cache=str(root / "work" / "cache"))
    features = FeatureCache(Location(f"{settings.store}/features/embedder/1"), 6)
    outcomes = extract(
        Folder(root / "pictures"), MODEL.picture, Means(), features, ExtractionSettings(processes=1)
    )
    publish(outcomes, PLAN, settings, Means())
    if done is not None:
        done.value = changes


def run(root: Path, kill_at: int | None) -> tuple[int | None, int]:
    spawn = multiprocessing.get_context("spawn")
    changes = spawn.Value("i", 0)
    process = spawn.Process(target=reindex, args=(root, kill_at, changes))
    process.start()
    process.join()
    return process.exitcode, changes.value


def served(root: Path) -> tuple[str, list[str], Any]:
    """Open the current version as a replica would: its name, ids and vectors' self-search."""
    indexes = open_indexes(str(root / "work" / "store"), "default")
    version = indexes.current()
    opened = IndexVersion(version, VerifiedCache(root / "replica", indexes).fetch(version))
    ids = [row.id for row in opened.pictures.rows(list(range(opened.details.pictures)))]
    vectors = Means().embed(opened.probes._pixels)
    hits = [[hit.picture.id for hit in opened.search(vector, 3)] for vector in vectors]
    opened.close()
    return version, ids, hits


def check_every_kill(root: Path, step: int) -> None:
    write_pictures(root / "pictures", labels=2, each=3)
    assert run(root, None)[0] == 0
    code, changes = run(root, None)  # once more: the features are there from the first run
    assert code == 0
    assert changes > 20
    before, *undisturbed = served(root)
    indexes = open_indexes(str(root / "work" / "store"), "default")
    for kill_at in range(1, changes + 1, step):
        code, _ = run(root, kill_at)
        assert code == -signal.SIGKILL, kill_at
        for version in indexes.versions():
            verify_version(indexes, version)
        version, *found = served(root)
        assert version >= before
        assert found == undisturbed, kill_at
    code, _ = run(root, None)
    assert code == 0
    version, *found = served(root)
    assert version > before
    assert found == undisturbed
    left = [path.name for path in (root / "work" / "store/indexes/default").glob(".draft*")]
    assert left == []


def test_a_kill_at_any_of_some_changes_leaves_the_served_version(tmp_path: Path) -> None:
    check_every_kill(tmp_path, step=7)


@pytest.mark.long
def test_a_kill_at_any_change_leaves_the_served_version(tmp_path: Path) -> None:
    check_every_kill(tmp_path, step=1)


def test_a_kill_during_the_very_first_run_leaves_nothing_published(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", labels=2, each=3)
    code, _ = run(tmp_path, 12)
    assert code == -signal.SIGKILL
    with pytest.raises(NothingPublished):
        open_indexes(str(tmp_path / "work" / "store"), "default").current()
    assert run(tmp_path, None)[0] == 0


def test_reading_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from indexing.reader import Work, read_file, reading_pool\n"
        "from lookalike.picture import PictureContract\n"
        "if __name__ == '__main__':\n"
        "    pool = reading_pool(Work(PictureContract(size=32), 10**8, frozenset()), 2)\n"
        "    pool.submit(read_file, Path(sys.argv[1])).result()\n"
        "    print(*pool._processes, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "program.py").write_text(program)
    finished = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "none.jpg")],
        stdout=subprocess.PIPE,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    readers = [Path("/proc") / pid for pid in finished.stdout.decode().split()]
    assert readers
    until(lambda: not any(alive(reader) for reader in readers), 20, "the readers' end")


def alive(process: Path) -> bool:
    """A process that has ended and waits to be reaped is not alive."""
    try:
        return " Z " not in (process / "stat").read_text()
    except OSError:
        return False
