"""What a picture costs in the model that was trained: time, and bytes."""

import time
from pathlib import Path

import numpy as np

from lookalike.cores import cores
from lookalike.picture.contract import Pixels
from lookalike.progress import working
from training.framework import tensorflow
from training.model import base_of, embedder_of, load_model
from training.report.figures import Cost

# What a GPU takes together; a processor gains nothing by more than a few.
BATCH, GPU_BATCH = 4, 16
# Rounds over one batch go on for so long; their median counts.
SECONDS = 3.0
FEWEST_ROUNDS = 3
FLOAT32 = 4


def batch_size() -> int:
    """Give how many pictures are timed together on this machine."""
    return GPU_BATCH if tensorflow.config.list_physical_devices("GPU") else BATCH


def measured(file: Path, pixels: Pixels) -> Cost:
    """Time pictures ``uint8[n, S, S, 3]`` through a trained model, from their pixels to vectors."""
    model = load_model(file)
    base, embedder = base_of(model), embedder_of(model)
    size = batch_size()
    batch = np.resize(pixels, (size, *pixels.shape[1:]))

    def once() -> float:
        started = time.perf_counter()
        embedder.predict_on_batch(base.predict_on_batch(batch))
        return time.perf_counter() - started

    with working("measuring what a picture costs"):
        once()  # which builds the graph
        rounds: list[float] = []
        while len(rounds) < FEWEST_ROUNDS or sum(rounds) < SECONDS:
            rounds.append(once())
    dimensions = int(embedder.output_shape[-1])
    return Cost(
        device=device(),
        pictures_per_second=round(size / float(np.median(rounds)), 2),
        batch=size,
        parameters=int(model.count_params()),
        model_bytes=file.stat().st_size,
        dimensions=dimensions,
        vector_bytes=FLOAT32 * dimensions,
    )


def device() -> str:
    """Name what TensorFlow computes on."""
    found = tensorflow.config.list_physical_devices("GPU")
    names = [
        tensorflow.config.experimental.get_device_details(one).get("device_name", one.name)
        for one in found
    ]
    return ", ".join(names) or f"{cores()} processor cores"
