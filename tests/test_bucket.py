"""From labelled pictures to answers with a bucket as the store, each command on its own machine."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.client import Client
from tests.s3_server import s3_server
from tests.services import model_server, process, run, search_service, status, until

CATEGORIES, PICTURES = ("coin", "flower", "tool"), 7
TRAINING = ("--size", "32", "--views", "0", "--epochs", "2")


class Machines:
    """Runs commands, each with a cache of its own: all that they share is the store.

    Args:
        root: of the caches.
        weights: the folder that has VGG16's.

    Attributes:
        environment: settings of all of them.
    """

    def __init__(self, root: Path, weights: Path) -> None:
        self._root, self._weights = root, weights
        self.environment = {"LOOKALIKE_STORE": "s3://lookalike/store"}

    def alone(self, name: str) -> dict[str, str]:
        """Give the settings of one machine."""
        cache = self._root / "caches" / name
        if not cache.exists():
            cache.mkdir(parents=True)
            (cache / "weights").symlink_to(self._weights)
        return {**self.environment, "LOOKALIKE_CACHE": str(cache)}

    def run(self, *command: str) -> None:
        """Run a command to its end."""
        ran = run(list(command), self.alone(command[0]), timeout=240)
        assert ran.returncode == 0, ran.stderr


@pytest.fixture
def labelled(sample_folder: Path, tmp_path: Path) -> Path:
    for category in CATEGORIES:
        (tmp_path / "pictures" / category).mkdir(parents=True)
        for picture in sorted((sample_folder / category).iterdir())[:PICTURES]:
            shutil.copy(picture, tmp_path / "pictures" / category)
    return tmp_path / "pictures"


@pytest.fixture
def machines(tmp_path: Path, real_cache: Path, base_weights: object) -> Iterator[Machines]:
    assert base_weights
    with s3_server():
        import s3fs

        s3fs.S3FileSystem().mkdir("lookalike")
        yield Machines(tmp_path, real_cache / "weights")


@pytest.mark.long
def test_from_training_to_answers_and_on_to_a_retrained_model(
    machines: Machines, labelled: Path, tmp_path: Path
) -> None:
    machines.run("train", str(labelled), *TRAINING)
    machines.run("export-model")
    serving = tmp_path / "serving"
    serving.mkdir()
    sync = ["sync-models", str(serving), "--every", "0.2"]
    flags = ["--model-base-path", str(serving)]
    store, log = machines.environment["LOOKALIKE_STORE"], tmp_path / "model_server.log"
    with (
        process(sync, machines.alone("sync-models"), tmp_path / "sync.log"),
        model_server(store, log, *flags) as addresses,
    ):
        machines.environment |= addresses
        machines.run("reindex", str(labelled))
        with search_service(machines.alone("serve"), tmp_path / "service.log") as url:
            until(lambda: status(f"{url}/readyz") == 200, what="readiness")
            client = Client(url)
            coin, tool = (min((labelled / kind).iterdir()) for kind in ("coin", "tool"))
            assert found(client, coin, model=1)[0] == f"coin/{coin.name}"
            client.put("new", tool.read_bytes())
            client.delete(f"coin/{coin.name}")
            until(lambda: {"new"} < set(found(client, tool, model=1)), what="the addition")

            machines.run("train", str(labelled), *TRAINING, "--seed", "1")
            machines.run("export-model")
            machines.run("reindex", str(labelled))
            until(lambda: client.search(tool.read_bytes()).model_version == 2, what="the swap")
            assert {*found(client, tool, model=2)[:2]} == {"new", f"tool/{tool.name}"}
            assert f"coin/{coin.name}" not in found(client, coin, model=2)


def found(client: Client, picture: Path, *, model: int) -> list[str]:
    """Search among all that there is by a picture; give the ids."""
    answer = client.search(picture.read_bytes(), k=100)
    assert answer.model_version == model
    return [hit.id for hit in answer.results]
