"""How fast the model server embeds, where one answers and serves the store's newest model."""

import time
from statistics import median

import numpy as np

from indexing.model import model_reference
from indexing.planner.measurements import Values
from lookalike.errors import ModelServerError, VersionNotFound
from lookalike.index import ModelReference
from lookalike.picture.contract import CHANNELS
from lookalike.serving import Embedder, RestEmbedder
from lookalike.serving.base import Pixels
from lookalike.settings import Settings
from lookalike.store import open_models

BATCH = 16
BATCHES = 4
SINGLES = 10
SEED = 3


def measure_embedding(settings: Settings) -> Values:
    """Embed random pictures, one by one and in batches; nothing where no server answers.

    Over REST, whose client needs no TensorFlow; gRPC is up to a twentieth faster.
    """
    try:
        models = open_models(settings.store, settings.model)
        model = model_reference(models, settings.model, None)
        embedder = RestEmbedder(settings.model_server_rest, model.address, timeout=60)
        try:
            return _measured(embedder, model)
        finally:
            embedder.close()
    except (ModelServerError, VersionNotFound):
        return {}


def _measured(embedder: Embedder, model: ModelReference) -> Values:
    side = model.picture.size
    draw = np.random.default_rng(SEED)
    pixels = draw.integers(0, 256, (BATCH, side, side, CHANNELS), dtype=np.uint8)
    embedder.embed(pixels)
    single = median(_seconds(embedder, pixels[:1]) for _ in range(SINGLES))
    batch = median(_seconds(embedder, pixels) for _ in range(BATCHES))
    return {"embed_rate": BATCH / batch, "embed_ms": single * 1e3}


def _seconds(embedder: Embedder, pixels: Pixels) -> float:
    started = time.perf_counter()
    embedder.embed(pixels)
    return time.perf_counter() - started
