"""All of training by Keras' JAX backend, beside TensorFlow's: model and losses know neither."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lookalike.model_card import read_model_card
from lookalike.settings import Settings

# Fetched here alone: 380 MB that nothing else needs.
PACKAGES = ("jax==0.10.2", "jaxlib==0.10.2", "ml_dtypes==0.6.0", "opt_einsum==3.4.0")
FLAGS = [
    *("--size", "32", "--views", "1", "--view-precision", "float32", "--epochs", "4"),
    *("--unfreeze-from", "block5_conv2", "--tuning-epochs", "2"),
]


@pytest.fixture(scope="module")
def jax(real_cache: Path) -> Path:
    """A folder with JAX, once a machine."""
    folder = real_cache / "-".join(("packages", *PACKAGES[:1]))
    if not (folder / "jax").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--target", str(folder), *PACKAGES], check=True)
    return folder


def trained(few: Path, settings: Settings, folder: Path, **environment: str) -> Path:
    own = {"LOOKALIKE_CACHE": str(folder / "cache"), "LOOKALIKE_STORE": str(folder / "store")}
    (folder / "cache").mkdir(parents=True)
    if (weights := Path(settings.cache) / "weights").exists():
        (folder / "cache" / "weights").symlink_to(weights)
    command = [sys.executable, "-m", "lookalike", "train", str(few), *FLAGS]
    subprocess.run(command, check=True, env={**os.environ, **own, **environment})
    return folder / "store" / "training"


@pytest.mark.long
def test_by_jax_it_trains_as_by_tensorflow(
    jax: Path, few: Path, settings: Settings, tmp_path: Path
) -> None:
    """Both draw the same pictures and begin with the same dense_1, but for rounding.

    RMSprop's first steps hardly depend on how large a gradient is, so that small ones count.
    """
    backends = {"tensorflow": {}, "jax": {"PYTHONPATH": str(jax)}}
    folders = [
        trained(few, settings, tmp_path / name, KERAS_BACKEND=name, **more)
        for name, more in backends.items()
    ]
    cards = [read_model_card(folder / "model_card.json") for folder in folders]
    one, other = (card.quality["pretrained_cosine_map"] for card in cards)
    assert one == pytest.approx(other, abs=1e-3)
    histories = [msgspec.json.decode((folder / "history.json").read_bytes()) for folder in folders]
    for name in ("contrastive_loss", "tuning_loss"):
        here, there = (np.array(history[name]) for history in histories)
        np.testing.assert_allclose(here, there, rtol=0.05)
