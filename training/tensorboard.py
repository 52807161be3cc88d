"""Event files of TensorBoard, written by TensorFlow alone: the package tensorboard only shows them.

Figures lie as Keras' own callback lays them: runs ``train`` and ``validation``, tags
``epoch_loss`` and the like.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from training.framework import tensorflow, writing
from training.loop import Done
from training.model import EMBEDDING_LAYER

TRAIN, VALIDATION = "train", "validation"
OF_VALIDATION = "val_"
BINS = 30  # of a histogram
EVENTS = "events.out.tfevents.*"
FLAGS_TAG = "flags"

protobuf = tensorflow.compat.v1


class EventFiles:
    """The event files of one stage of training.

    A run that goes on after a kill finds epochs here that it makes once more, and does not
    write them twice: they are the same to the last bit. One that begins anew begins them anew.

    Args:
        folder: of the stage; it holds a folder for training, and one for validation.
        flags: what the run was asked to do.
    """

    def __init__(self, folder: Path, flags: Mapping[str, object]) -> None:
        self._folder = folder
        self._folders = {side: folder / side for side in (TRAIN, VALIDATION)}
        self._flags = flags
        self._writers: dict[str, Any] = {}
        self._written: dict[str, set[tuple[str, int]]] = {}

    def watch(self, done: Done) -> None:
        """Write an epoch's figures, the learning rate and how the weights of dense_1 lie."""
        with writing(self._folder):
            self._watch(done)

    def close(self) -> None:
        """Write what is left, and close the files."""
        writers, self._writers = self._writers, {}
        with writing(self._folder):
            for writer in writers.values():
                writer.close()

    def _watch(self, done: Done) -> None:
        if not self._writers:
            self._open(anew=done.epoch == 1)
        for name, value in done.figures.items():
            side = VALIDATION if name.startswith(OF_VALIDATION) else TRAIN
            self._scalar(side, f"epoch_{name.removeprefix(OF_VALIDATION)}", done.epoch, value)
        rate = float(done.model.optimizer.learning_rate.numpy())
        self._scalar(TRAIN, "epoch_learning_rate", done.epoch, rate)
        kernel, *_ = done.model.get_layer(EMBEDDING_LAYER).get_weights()
        tag = f"{EMBEDDING_LAYER}/kernel"
        self._write(TRAIN, tag, done.epoch, _histogram(kernel), "histograms")
        for writer in self._writers.values():
            writer.flush()

    def _open(self, *, anew: bool) -> None:
        for side, folder in self._folders.items():
            if anew:
                for former in folder.glob(EVENTS):
                    former.unlink()
            self._written[side] = set(_steps(folder))
            self._writers[side] = tensorflow.summary.create_file_writer(str(folder))
        self._write(TRAIN, FLAGS_TAG, 0, _table(self._flags), "text")

    def _scalar(self, side: str, tag: str, step: int, value: float) -> None:
        self._write(side, tag, step, np.float32(value), "scalars")

    def _write(self, side: str, tag: str, step: int, tensor: Any, plugin: str) -> None:
        if (tag, step) in self._written[side]:
            return
        metadata = protobuf.SummaryMetadata(
            plugin_data={"plugin_name": plugin},
            data_class="DATA_CLASS_SCALAR" if plugin == "scalars" else "DATA_CLASS_TENSOR",
        )
        with self._writers[side].as_default():
            tensorflow.summary.write(tag, tensor, step, metadata)
        self._written[side].add((tag, step))


def _table(flags: Mapping[str, object]) -> Any:
    """Lay flags out in Markdown, which is how TensorBoard takes a table."""
    rows = [f"| {name} | {str(value).replace('|', '&#124;')} |" for name, value in flags.items()]
    return np.array("\n".join(["| flag | value |", "|---|---|", *rows]), object)


def _histogram(values: Any) -> Any:
    """Count values in bins of equal width: rows of left edge, right edge and count."""
    counts, edges = np.histogram(values, BINS)
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


def _steps(folder: Path) -> Iterator[tuple[str, int]]:
    """List the tags and steps of a folder's event files."""
    for path in sorted(folder.glob(EVENTS)):
        try:
            for event in protobuf.train.summary_iterator(str(path)):
                yield from ((value.tag, event.step) for value in event.summary.value)
        except tensorflow.errors.DataLossError:
            continue  # a killed writer's last record is cut off, and what was before it counts
