"""The parts of ``bench.extraction`` that need TensorFlow."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.local_models import Bare, production_model, write_version
from bench.served_models import NAME, model_server
from lookalike.index import ModelReference
from lookalike.picture import PictureContract
from lookalike.picture.contract import Pixels
from lookalike.serving.grpc import GrpcEmbedder
from lookalike.vectors import Vectors
from training.framework import keras
from training.model import EMBEDDING_DIMENSIONS


@dataclass(frozen=True)
class Serving:
    """A model behind a server, and the same one in process."""

    model: ModelReference
    client: GrpcEmbedder
    bare: Bare

    def in_process(self, pixels: Pixels) -> Vectors:
        """Embed without a server."""
        return self.bare.embed(pixels)

    def embed_ready(self, batches: Sequence[Pixels], in_flight: int) -> None:
        """Embed batches that lie ready, so many requests at a time."""
        with ThreadPoolExecutor(in_flight) as pool:
            list(pool.map(self.client.embed, batches))


@contextmanager
def served(side: int, folder: Path) -> Iterator[Serving]:
    """Serve VGG16 on pictures of ``side`` pixels, by a process of its own."""
    reference = ModelReference(
        name=NAME,
        version=1,
        weights_sha256="",
        picture=PictureContract(size=side),
        dimensions=EMBEDDING_DIMENSIONS,
    )
    models = folder / "models"
    models.mkdir()
    write_version(production_model(side), models, reference.address)
    with (
        model_server(models) as ports,
        closing(GrpcEmbedder(f"127.0.0.1:{ports.grpc}", reference.address)) as client,
    ):
        yield Serving(reference, client, Bare(models / "1"))


def loaded(folder: Path, side: int, batch: int, batches: int) -> Iterator[Pixels]:
    """Read pictures the usual way, in batches of ``uint8[n, side, side, 3]``."""
    data = keras.utils.image_dataset_from_directory(
        str(folder), labels=None, image_size=(side, side), batch_size=batch, shuffle=False,
        verbose=False,
    )  # fmt: skip
    for pixels in data.take(batches):
        yield np.asarray(pixels.numpy()).astype(np.uint8)
