"""What a base was before it was tuned: the weights of its tuned layers, beside the model.

So that it can be told later what tuning gained, on a machine that has nothing but the model.
"""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from lookalike.errors import ConfigurationError
from training.framework import keras

FILE_NAME = "untuned.npz"


def write_untuned(before: Any, tuned: Any, folder: Path) -> None:
    """Write those weights of a base, ``before``, that are others in its tuned copy."""
    pairs = zip(before.get_weights(), tuned.get_weights(), strict=True)
    changed = {str(n): old for n, (old, new) in enumerate(pairs) if (old != new).any()}
    np.savez(folder / FILE_NAME, **changed)


def untuned_base(tuned: Any, folder: Path) -> Any:
    """Build a copy of a tuned base as it was before.

    Raises:
        ConfigurationError: the folder does not hold what it was.
    """
    path = folder / FILE_NAME
    base, weights = keras.models.clone_model(tuned), tuned.get_weights()
    try:
        with np.load(path, allow_pickle=False) as kept:
            for place in kept.files:
                weights[int(place)] = kept[place]
        base.set_weights(weights)
    except (OSError, EOFError, ValueError, IndexError, BadZipFile) as error:
        raise ConfigurationError(
            f"{path} does not hold what the model was tuned from ({error}): train it again"
        ) from error
    base.trainable = False
    return base
