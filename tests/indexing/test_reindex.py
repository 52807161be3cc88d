"""``lookalike reindex`` as a whole, with its model server, killed at random moments."""

import random
import signal
import time
from pathlib import Path

import msgspec
import pytest

from lookalike.index import IndexVersion
from lookalike.store import VerifiedCache, open_indexes, verify_version
from tests.pictures import write_pictures
from tests.services import model_server, process, publish_toy_model, run

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
    with model_server(tmp_path / "store", tmp_path / "model_server.log") as environment:
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
    kill_often(tmp_path, 20)
