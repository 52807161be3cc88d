"""Real features: Fashion-MNIST's 70,000 pictures through a fine-tuned VGG16, at 32×32 pixels.

Computed once, a piece at a time, and kept in the user's cache: a run that is killed goes on
where it was. The data set is Debian's ``dataset-fashion-mnist`` (MIT licence).
"""

import gzip
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from demo.debian import unpack_package
from lookalike.progress import track
from lookalike.store.files import replace_file
from lookalike.vectors import Vectors

PACKAGE = "dataset-fashion-mnist"
FOLDER = Path("usr/share/datasets/fashion-mnist")
PARTS = ("train", "t10k")
# Sizes of the headers of the IDX format, and of a picture in it.
PICTURES_HEADER, LABELS_HEADER = 16, 8
SIDE = 28
MODEL_SIDE = 32  # the least that VGG16 takes
PIECE = 2000
BATCH = 250
CATEGORIES = 10
VALIDATION = 5000
EPOCHS = 12

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def features(cache: Path, count: int) -> Vectors:
    """Give the fine-tuned ``dense_1`` of the first pictures: ``float32[count, 128]``.

    The head is trained on these pictures, with every picture that ``count`` leaves out of
    the validation set's.

    Args:
        cache: the cache folder of all programs.
        count: how many, 70,000 at most.

    Raises:
        SourceUnavailable: the data set or VGG16's weights cannot be had.
    """
    folder = cache / "bench" / "fashion"
    finished = folder / f"dense_1-{count}.npy"
    if not finished.is_file():
        _save(finished, _fine_tuned(*pooled_features(cache, count)))
    return np.asarray(np.load(finished), np.float32)


def pooled_features(cache: Path, count: int) -> tuple[Vectors, Labels]:
    """Give VGG16's pooled features of the first pictures, and labels: ``float32[count, 512]``.

    Args, and what is raised: as of :func:`features`.
    """
    folder = cache / "bench" / "fashion"
    pictures, labels = _data_set(folder)
    return _pooled(folder, pictures[:count], cache), labels[:count]


def pictures(cache: Path, count: int) -> Pixels:
    """Give the first pictures themselves: ``uint8[count, 28, 28]``, grey, black where nothing is.

    Raises:
        SourceUnavailable: the data set cannot be had.
    """
    return _data_set(cache / "bench" / "fashion")[0][:count]


def _pooled(folder: Path, pictures: Pixels, cache: Path) -> Vectors:
    """Give VGG16's pooled features, ``float32[n, 512]``; each piece is computed once."""
    base: Any = None
    pieces = []
    for first in track(range(0, len(pictures), PIECE), "embedding Fashion-MNIST, by 2,000"):
        chosen = pictures[first : first + PIECE]
        file = folder / f"pooled-{first}-{len(chosen)}.npy"
        if not file.is_file():
            base = base or _base(cache)
            _save(file, base.predict(_enlarged(chosen), batch_size=BATCH, verbose=0))
        pieces.append(np.load(file))
    return np.concatenate(pieces)


def _base(cache: Path) -> Any:
    # Here, since a run whose features are in the cache needs no TensorFlow.
    from training.model import build_base
    from training.weights import imagenet_weights

    return build_base(MODEL_SIDE, imagenet_weights(cache).layers)


def _fine_tuned(pooled: Vectors, labels: Labels) -> Vectors:
    from training.head import train_head
    from training.labelled import Labelled
    from training.model import embedder_of
    from training.request import HeadSettings

    vectors, held_out = pooled[:, None], min(VALIDATION, len(pooled) // 5)
    head = train_head(
        Labelled(vectors[held_out:], labels[held_out:]),
        Labelled(vectors[:held_out], labels[:held_out]),
        CATEGORIES,
        HeadSettings(epochs=EPOCHS, batch_size=256),
    ).model
    return np.asarray(embedder_of(head).predict(pooled, batch_size=1000, verbose=0), np.float32)


def _enlarged(pictures: Pixels) -> Pixels:
    """From grey ``[n, 28, 28]`` to RGB ``[n, 32, 32, 3]``."""
    larger = [cv2.resize(picture, (MODEL_SIDE, MODEL_SIDE)) for picture in pictures]
    return np.repeat(np.stack(larger)[..., None], 3, axis=3).astype(np.uint8)


def _data_set(folder: Path) -> tuple[Pixels, Labels]:
    """Read pictures ``uint8[70000, 28, 28]`` and labels ``int64[70000]``."""
    source = _fetched(folder)
    pictures = [_read(source / f"{part}-images-idx3-ubyte.gz", PICTURES_HEADER) for part in PARTS]
    labels = [_read(source / f"{part}-labels-idx1-ubyte.gz", LABELS_HEADER) for part in PARTS]
    return np.concatenate(pictures).reshape(-1, SIDE, SIDE), np.concatenate(labels).astype(np.int64)


def _read(file: Path, header: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=header)


def _fetched(folder: Path) -> Path:
    """Unpack the package beside the features, the first time."""
    target = folder / "idx"
    if target.is_dir():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        unpack_package(PACKAGE, scratch)
        (scratch / FOLDER).rename(target)
    return target


def _save(file: Path, array: npt.NDArray[np.float32]) -> None:
    with tempfile.SpooledTemporaryFile(1 << 30) as buffer:
        np.save(buffer, array)
        buffer.seek(0)
        replace_file(file, buffer.read())
