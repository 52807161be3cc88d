"""How fast the model server embeds, where one answers and serves the store's newest model."""

import sys
import time
from statistics import median

import numpy as np

from indexing.model import model_reference
from indexing.planner.measurements import Values
from lookalike.catalogue.remote import failures
from lookalike.errors import LookalikeError
from lookalike.index import ModelReference
from lookalike.picture.contract import CHANNELS, Pixels
from lookalike.serving import Embedder, RestEmbedder
from lookalike.settings import Settings
from lookalike.store import open_models

BATCH = 16
# Once at least, and so often at most; no further once so many seconds are over.
MOST_CALLS, ENOUGH_SECONDS = 10, 3.0
SEED = 3


def measure_embedding(settings: Settings) -> Values:
    """Embed random pictures, one by one and in batches; where that fails, warn and give nothing.

    Over REST, as searches do; gRPC, which extraction uses, is up to a twentieth faster.
    """
    try:
        models = open_models(settings.store, settings.model)
        model = model_reference(models, settings.model, None)
        embedder = RestEmbedder(settings.model_server_rest, model.address, timeout=60)
        try:
            return _measured(embedder, model)
        finally:
            embedder.close()
    except _failures() as error:
        # It comes last, and what was measured before it is worth keeping.
        sys.stderr.write(f"embedding was not measured: {error}\n")
        return {}


def _failures() -> tuple[type[Exception], ...]:
    return (LookalikeError, *failures())


def _measured(embedder: Embedder, model: ModelReference) -> Values:
    side = model.picture.size
    draw = np.random.default_rng(SEED)
    pixels = draw.integers(0, 256, (BATCH, side, side, CHANNELS), dtype=np.uint8)
    embedder.embed(pixels[:1])
    single, batch = (_median(embedder, pixels[:count]) for count in (1, BATCH))
    return {"embed_rate": BATCH / batch, "embed_ms": single * 1e3}


def _median(embedder: Embedder, pixels: Pixels) -> float:
    """Give the seconds of a call, of as many as the time is enough for."""
    seconds: list[float] = []
    while len(seconds) < MOST_CALLS and sum(seconds) < ENOUGH_SECONDS:
        started = time.perf_counter()
        embedder.embed(pixels)
        seconds.append(time.perf_counter() - started)
    return median(seconds)
