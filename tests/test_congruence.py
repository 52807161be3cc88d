"""One picture, one vector: whichever program reads it, and over whichever transport."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import requests

from export.saved_model import run_saved_model
from indexing.extraction.features import Features
from indexing.model import model_reference
from lookalike.catalogue import Folder
from lookalike.picture import read_picture
from lookalike.picture.contract import Pixels
from lookalike.serving import Embedder, ModelAddress, RestEmbedder
from lookalike.serving.grpc import GrpcEmbedder
from lookalike.store import open_models
from lookalike.vectors import SAME_DEVICE_TOLERANCE, Vectors, unit
from tests.services import model_server, publish_toy_model, run, search_service, status, until


class Live(NamedTuple):
    """A model server with the real signature, and what it serves."""

    environment: dict[str, str]
    address: ModelAddress
    pictures: Path

    @property
    def store(self) -> str:
        return self.environment["LOOKALIKE_STORE"]

    def embedder(self, transport: str) -> Embedder:
        if transport == "rest":
            return RestEmbedder(self.environment["LOOKALIKE_MODEL_SERVER_REST"], self.address)
        return GrpcEmbedder(self.environment["LOOKALIKE_MODEL_SERVER_GRPC"], self.address)

    def pixels(self) -> Pixels:
        pictures = [picture.path.read_bytes() for picture in Folder(self.pictures)]
        return np.stack([read_picture(data, self.address.picture) for data in pictures])


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, sample_folder: Path) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("congruence")
    publish_toy_model(root / "store", size=64)
    models = open_models(str(root / "store"), "embedder")
    reference = model_reference(models, "embedder", None)
    with model_server(root / "store", root / "log") as environment:
        environment["LOOKALIKE_CACHE"] = str(root / "cache")
        yield Live(environment, reference.address, sample_folder / "planet")


def distances(left: Vectors, right: Vectors) -> np.ndarray:
    return np.linalg.norm(unit(left) - unit(right), axis=1)


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_both_transports_give_what_the_saved_model_gives(live: Live, batch: int) -> None:
    pixels = live.pixels()
    folder = Path(live.store) / "models" / "embedder" / "1"
    expected = run_saved_model(folder, pixels)
    for transport in ("rest", "grpc"):
        embedder = live.embedder(transport)
        parts = [embedder.embed(pixels[i : i + batch]) for i in range(0, len(pixels), batch)]
        found = np.concatenate(parts)
        embedder.close()
        assert distances(found, expected).max() <= SAME_DEVICE_TOLERANCE, transport


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_both_transports_know_the_versions(live: Live, transport: str) -> None:
    embedder = live.embedder(transport)
    assert embedder.available_versions() == {1}
    embedder.close()


def test_extraction_and_queries_give_the_same_vectors(live: Live, tmp_path: Path) -> None:
    indexed = run(["reindex", str(live.pictures)], live.environment)
    assert indexed.returncode == 0, indexed.stderr
    reference = model_reference(open_models(live.store, "embedder"), "embedder", None)
    features = Features.of(live.store, reference)
    chunks = [chunk for name in features.parts() for chunk in features.read(name)]
    extracted = np.concatenate([chunk.vectors for chunk in chunks])
    embedder = live.embedder("rest")
    queried = embedder.embed(live.pixels())
    embedder.close()
    nearest = np.linalg.norm(unit(queried)[:, None] - unit(extracted)[None], axis=2).min(axis=1)
    assert nearest.max() <= SAME_DEVICE_TOLERANCE
    with search_service(live.environment, tmp_path / "log") as url:
        until(lambda: status(f"{url}/readyz") == 200, what="readiness")
        for picture in Folder(live.pictures):
            hit = requests.post(
                f"{url}/search?k=1",
                data=picture.path.read_bytes(),
                headers={"Content-Type": "image/png"},
                timeout=30,
            ).json()["results"][0]
            assert hit["id"] == picture.id
            assert hit["distance"] < SAME_DEVICE_TOLERANCE
