"""``lookalike reindex`` as a whole: killed at random moments, and the features that it leaves."""

import random
import signal
import time
from pathlib import Path

import msgspec
import pytest

from indexing.extraction.compaction import FEW
from indexing.extraction.known import as_digests
from indexing.extraction.parts import Part
from indexing.extraction.settings import ExtractionSettings
from indexing.publishing import GateSettings, Plan
from indexing.reindex import Live, build_index, extract_part
from lookalike.catalogue import Folder
from lookalike.changes import Deletion, open_changes
from lookalike.errors import CatalogueShrunk
from lookalike.index import IndexVersion
from lookalike.settings import Settings
from lookalike.store import VerifiedCache, open_indexes, verify_version
from tests.indexing.embedders import Means
from tests.indexing.extraction.jobs import MODEL
from tests.indexing.extraction.jobs import features as features_of
from tests.indexing.extraction.vectors import digests, some_vectors
from tests.pictures import write_pictures
from tests.services import models_served, process, publish_toy_model, run

SLOWEST = 9.0  # seconds; on an idle machine a whole run takes about six


def served(environment: dict[str, str], cache: Path) -> tuple[str, list[str]]:
    """Open the current version as a replica would: its name and its pictures' ids."""
    indexes = open_indexes(environment["LOOKALIKE_STORE"], "default")
    version = indexes.current()
    opened = IndexVersion(version, VerifiedCache(cache, indexes).fetch(version))
    ids = [row.id for row in opened.pictures.rows(list(range(opened.details.pictures)))]
    opened.close()
    return version, ids


def kill_often(tmp_path: Path, times: int) -> None:
    publish_toy_model(tmp_path / "store")
    pictures = write_pictures(tmp_path / "pictures", labels=3, each=10)
    with models_served(tmp_path / "store") as environment:
        environment = {**environment, "LOOKALIKE_CACHE": str(tmp_path / "cache")}
        first = run(["reindex", str(pictures)], environment)
        assert first.returncode == 0, first.stderr
        before, ids = served(environment, tmp_path / "replica")
        write_pictures(pictures, labels=3, each=20, seed=1)  # now there is more to do
        indexes = open_indexes(environment["LOOKALIKE_STORE"], "default")
        moments = random.Random(times)  # noqa: S311
        for _ in range(times):
            with process(["reindex", str(pictures)], environment, tmp_path / "log") as job:
                time.sleep(moments.uniform(0, SLOWEST))
                job.send_signal(signal.SIGKILL)
                job.wait()
            for version in indexes.versions():
                verify_version(indexes, version)
            version, found = served(environment, tmp_path / "replica")
            assert found == ids if version == before else len(found) == 60
        last = run(["reindex", str(pictures), "--json"], environment)
        assert last.returncode == 0, last.stderr
        assert msgspec.json.decode(last.stdout)["pictures"] == 60
        assert len(served(environment, tmp_path / "replica")[1]) == 60


def test_a_kill_at_some_moments_leaves_the_served_index(tmp_path: Path) -> None:
    kill_often(tmp_path, 3)


@pytest.mark.long
def test_a_kill_at_many_moments_leaves_the_served_index(tmp_path: Path) -> None:
    kill_often(tmp_path, 50)


def run_of_many_parts(root: Path) -> None:
    settings = Settings(store=str(root / "store"), cache=str(root / "cache"))
    live = Live(MODEL, Means())
    extraction = ExtractionSettings(processes=1, batch=4, part_vectors=4)
    extract_part(Folder(root / "pictures"), Part(), live, settings, extraction)
    build_index(live, Plan(name="default", model=MODEL), GateSettings(), settings)


def test_several_runs_leave_few_parts(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_pictures(tmp_path / "pictures", labels=1, each=45 * seed, seed=seed)
        run_of_many_parts(tmp_path)
        assert 1 <= len(features_of(tmp_path).parts()) <= FEW


def test_a_damaged_part_does_not_fail_a_run_that_has_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = features_of(tmp_path)
    for number in range(FEW):
        features.write(as_digests(digests(1, first=number)), some_vectors(1))
    damaged = next((tmp_path / "store/features").rglob("part-*"))
    damaged.write_bytes(b"no parquet")
    write_pictures(tmp_path / "pictures", labels=1, each=8)
    run_of_many_parts(tmp_path)
    assert "warning" in capsys.readouterr().err
    assert damaged.exists()
    assert len(features.parts()) == 2


def test_what_was_deleted_by_name_is_no_loss_to_an_extraction(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=8)
    run_of_many_parts(tmp_path)
    ids = [picture.id for picture in Folder(pictures)]
    open_changes(str(tmp_path / "store"), "default").append(Deletion(ids[:2]))
    run_of_many_parts(tmp_path)
    (pictures / ids[3]).unlink()
    with pytest.raises(CatalogueShrunk, match=r"5 pictures, .* 6 "):
        run_of_many_parts(tmp_path)
