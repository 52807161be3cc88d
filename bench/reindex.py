"""What a rebuild costs when one picture in a hundred changed, against a rebuild of everything.

Whole ``lookalike reindex`` commands, start-up included, against a model server with the
production graph on small pictures. On larger ones, or a model that is slower, embedding
weighs more, and the ratio is better still.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import cv2
import msgspec
import numpy as np

from bench.command import Plan, command
from bench.facts import Fact
from bench.harness import Candidate
from bench.local_models import production_model
from bench.served_models import NAME, Ports, model_server
from export.saved_model import write_saved_model
from lookalike import model_card
from lookalike.errors import LookalikeError
from lookalike.model_card import ModelCard, TrainingData
from lookalike.picture import PictureContract
from lookalike.progress import track, working
from lookalike.store import open_models
from training.model import EMBEDDING_DIMENSIONS

SIZE = 32
HEIGHT, WIDTH = 120, 160
CHANGED = 0.01


class RunFailed(LookalikeError):
    """``lookalike reindex`` ended with an error; its own message is in this one."""

    type = "run-failed"
    title = "A run of reindex failed"


class _Details(msgspec.Struct):
    weights_sha256: str


class Rebuilds:
    """A folder of pictures, and rebuilds of its index.

    Args:
        folder: for the pictures and the stores; its ``store`` has the model.
        pictures: how many.
        ports: of the model server.
    """

    def __init__(self, folder: Path, pictures: int, ports: Ports) -> None:
        self._folder, self._count, self._ports = folder, pictures, ports
        self._draw = np.random.default_rng(0)
        self._stores = count()
        (folder / "pictures").mkdir()
        for number in track(range(pictures), "writing pictures"):
            self._write(number)
        self.made: dict[str, int] = {}

    def full(self) -> None:
        """Index everything into a store that holds nothing but the model."""
        store = self._folder / f"store-{next(self._stores)}"
        store.mkdir()
        (store / "models").symlink_to(self._folder / "store" / "models")
        self.made["full"] = self._reindex(store)

    def one_percent(self) -> None:
        """Change one picture in a hundred, and index again into one store."""
        changed = self._draw.choice(self._count, max(1, int(CHANGED * self._count)), replace=False)
        for number in changed.tolist():
            self._write(number)
        self.made["one_percent"] = self._reindex(self._folder / "store")

    def share_embedded(self) -> float:
        """Percent of the pictures that the last changed run embedded, of those of a full one."""
        return 100 * self.made["one_percent"] / self.made["full"]

    def _write(self, number: int) -> None:
        coarse = self._draw.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(self._folder / "pictures" / f"{number:06}.jpg"), picture)

    def _reindex(self, store: Path) -> int:
        """Run the command; give how many pictures the model server embedded."""
        environment = {
            "LOOKALIKE_STORE": str(store),
            "LOOKALIKE_CACHE": str(store / "cache"),
            "LOOKALIKE_MODEL": NAME,
            "LOOKALIKE_MODEL_SERVER_GRPC": f"127.0.0.1:{self._ports.grpc}",
        }
        finished = subprocess.run(
            [
                sys.executable,
                "-m",
                "lookalike",
                "reindex",
                str(self._folder / "pictures"),
                "--json",
            ],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode:
            raise RunFailed(finished.stderr.strip()[-500:])
        return int(msgspec.json.decode(finished.stdout)["extraction"]["made"])


@contextmanager
def reindex(quick: bool) -> Iterator[Plan]:
    """Write the model and the pictures, start a server, and index once."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        with working("writing the model"):
            _publish_model(folder / "store")
        ports = stack.enter_context(model_server(folder / "store" / "models" / NAME))
        rebuilds = Rebuilds(folder, 400 if quick else 20_000, ports)
        facts: list[Fact] = []
        yield Plan(
            item="runs",
            rounds=1 if quick else 3,
            candidates=[
                Candidate(name="full", items=1, run=rebuilds.full),
                Candidate(name="one_percent", items=1, run=rebuilds.one_percent, baseline="full"),
            ],
            facts=facts,
        )
        share = rebuilds.share_embedded()
        facts.append(Fact(name="one_percent.embedded", value=share, unit="% of a full run's"))


def _publish_model(store: Path) -> None:
    contract = PictureContract(size=SIZE)
    models = open_models(str(store), NAME)
    with models.draft() as folder:
        write_saved_model(production_model(SIZE), contract, folder, NAME)
        card = ModelCard(
            created="2026-01-01T00:00:00Z",
            backbone="vgg16",
            base_weights="random",
            weights_sha256="0" * 64,
            picture=contract,
            dimensions=EMBEDDING_DIMENSIONS,
            categories=[],
            training_data=TrainingData(fingerprint="", pictures=0, validation_pictures=0),
            settings={},
            quality={},
        )
        model_card.write_model_card(card, folder / model_card.FILE_NAME)
        models.publish(folder, _Details("0" * 64))


main = command("reindex", reindex)

if __name__ == "__main__":
    main()
