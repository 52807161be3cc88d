"""An exported model as a base: pixels in, ``dense_1`` out, by its SavedModel alone."""

from pathlib import Path
from typing import Any

import numpy as np

from lookalike.picture.contract import Pixels
from lookalike.serving.base import INPUT, OUTPUT, SIGNATURE
from lookalike.vectors import Vectors
from training.framework import tensorflow


class ServedModel:
    """Stands where training has a Keras base, so that its vectors are made and kept alike.

    Args:
        folder: of a version of the store, on this machine.

    Attributes:
        output_shape: ``(None, d)``, as Keras tells it.
    """

    def __init__(self, folder: Path) -> None:
        self._loaded = tensorflow.saved_model.load(str(folder))
        self._signature = self._loaded.signatures[SIGNATURE]
        self.output_shape = tuple(self._signature.structured_outputs[OUTPUT].shape)

    def get_weights(self) -> list[Any]:
        """Give its numbers, for a name of what it made."""
        variables = sorted(self._signature.variables, key=lambda variable: str(variable.name))
        return [variable.numpy() for variable in variables]

    def predict_on_batch(self, pixels: Pixels) -> Vectors:
        """Embed ``uint8[n, S, S, 3]``."""
        rows = tensorflow.constant([row.tobytes() for row in pixels])
        return np.asarray(self._signature(**{INPUT: rows})[OUTPUT], np.float32)
