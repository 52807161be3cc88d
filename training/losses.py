"""Losses of training, on Keras' own operations, so that they run on each of its backends."""

from typing import Any

from training.framework import keras

FAR = 1e9  # taken from a logit, it leaves nothing of it
SMALLEST_LENGTH = 1e-6

ops = keras.ops


class SupervisedContrastive(keras.losses.Loss):  # type: ignore[misc]
    """Pictures of one category lie nearer to each other than to all others of a batch.

    By cosine, as searches compare: Khosla and others, "Supervised Contrastive Learning", 2020,
    equation 2. It takes class numbers ``int[n]`` and embeddings ``float32[n, d]``, and gives
    ``float32[n]``: of each picture, minus the mean log of the share that another picture of
    its category has. A picture without another one counts for nothing, and the others so
    much more.

    Args:
        temperature: divides cosines; the smaller, the more the nearest ones count.
    """

    def __init__(self, temperature: float) -> None:
        super().__init__(name="supervised_contrastive")
        self._temperature = temperature

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Give each picture's loss."""
        labels = ops.reshape(y_true, (-1,))
        lengths = ops.sqrt(ops.sum(ops.square(y_pred), axis=1, keepdims=True))
        unit = y_pred / (lengths + SMALLEST_LENGTH)
        pictures = ops.shape(unit)[0]
        itself = ops.eye(pictures, dtype=unit.dtype)
        same = ops.cast(labels[:, None] == labels[None, :], unit.dtype) - itself
        logits = ops.matmul(unit, ops.transpose(unit)) / self._temperature - FAR * itself
        shares = logits - ops.logsumexp(logits, axis=1, keepdims=True)
        others = ops.sum(same, axis=1)
        losses = -ops.sum(same * shares, axis=1) / ops.maximum(others, 1)
        with_others = ops.sum(ops.cast(others > 0, unit.dtype))
        return losses * ops.cast(pictures, unit.dtype) / ops.maximum(with_others, 1)
