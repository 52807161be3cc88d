"""Training in epochs, the same for every stage: history, early stopping, checkpoints.

It takes a compiled Keras model and a function that makes an epoch of it; it knows neither the
data nor the loss.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lookalike.errors import ConfigurationError
from training.checkpoint import Array, Checkpoint, Saved

Figures = dict[str, float]
History = dict[str, list[float]]
# Trains a model by one epoch, draws from nothing but the generator, and gives figures by name.
Epoch = Callable[[np.random.Generator], Figures]


class Done(NamedTuple):
    """What is told of each epoch: the model after it, its number from 1 on, and its figures."""

    model: Any
    epoch: int
    figures: Figures


Watch = Callable[[Done], None]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When to stop.

    Attributes:
        epochs: the most.
        patience: epochs without a better one before it stops.
        criterion: the name of the figure that tells the best epoch.
        highest: whether that has the highest of it, and not the lowest.
    """

    epochs: int
    patience: int
    criterion: str = "val_loss"
    highest: bool = False

    def judged(self, figures: Figures) -> float:
        """Give what an epoch is judged by: the lower, the better."""
        return -figures[self.criterion] if self.highest else figures[self.criterion]


def train_in_epochs(
    model: Any,
    epoch: Epoch,
    generator: np.random.Generator,
    limits: Limits,
    checkpoint: Checkpoint | None = None,
    watches: Sequence[Watch] = (),
) -> History:
    """Train until it gets no better, and leave the model with the weights of the best epoch.

    A run that was killed goes on from its checkpoint, and ends with the very weights and
    history that it would have had: the checkpoint holds all that an epoch changes, the states
    of the random generators among it. It stays after the end, for whatever comes then may be
    killed too.

    Args:
        model: compiled. An epoch may change its variables, but for the weights of frozen
            layers, its optimizer's, and the generator's state, and nothing else.
        epoch: trains one, and gives its figures.
        generator: that epochs draw from.
        limits: when to stop.
        checkpoint: where the state is kept; None: nowhere.
        watches: are told of each epoch.

    Returns:
        By the figures' names one number an epoch.

    Raises:
        ConfigurationError: no epoch can be judged, since training diverged.
    """
    state = _State(model, generator)
    if checkpoint is not None:
        state.resume(checkpoint)
    while not state.is_over(limits):
        figures = epoch(generator)
        state.add(figures, limits.judged(figures))
        for watch in watches:
            watch(Done(model, state.epochs, figures))
        if checkpoint is not None and (checkpoint.is_due or state.is_over(limits)):
            checkpoint.write(state.saved())
    if not state.has_best:
        raise ConfigurationError(
            f"no epoch gave a {limits.criterion} that is a number: ask for a lower learning rate"
        )
    state.restore_best()
    return state.history


class _State:
    """All that an epoch changes, and what is known of the epochs so far."""

    def __init__(self, model: Any, generator: np.random.Generator) -> None:
        model.optimizer.build(model.trainable_variables)  # else its variables come with a step
        self._generator = generator
        self._trained = _trained(model)
        self._optimizer = model.optimizer.variables
        self.history: History = {}
        self.epochs, self._waited, self._best = 0, 0, np.inf
        self._best_values = _values(self._trained)

    def add(self, figures: Figures, judged: float) -> None:
        """Note an epoch's figures, and its weights where it is the best so far."""
        for name, value in figures.items():
            self.history.setdefault(name, []).append(value)
        self.epochs += 1
        self._waited += 1
        if judged < self._best:
            self._best, self._waited, self._best_values = judged, 0, _values(self._trained)

    @property
    def has_best(self) -> bool:
        """Whether any epoch could be judged."""
        return bool(self._best < np.inf)

    def is_over(self, limits: Limits) -> bool:
        return self.epochs >= limits.epochs or self._waited >= limits.patience

    def restore_best(self) -> None:
        _assign(self._trained, self._best_values)

    def saved(self) -> Saved:
        """Give all of it, to write."""
        return Saved(
            {
                "history": self.history,
                "epochs": self.epochs,
                "waited": self._waited,
                "best": self._best,
                "generator": self._generator.bit_generator.state,
            },
            {
                "trained": _values(self._trained),
                "optimizer": _values(self._optimizer),
                "best": self._best_values,
            },
        )

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint, where there is one that can be."""
        saved = checkpoint.read()
        if saved is None:
            return
        facts, arrays = saved
        expected = {"trained": self._trained, "optimizer": self._optimizer, "best": self._trained}
        if any(_shapes(arrays.get(name, [])) != _shapes(v) for name, v in expected.items()):
            checkpoint.ignore("is of another model")
            return
        _assign(self._trained, arrays["trained"])
        _assign(self._optimizer, arrays["optimizer"])
        self._generator.bit_generator.state = facts["generator"]
        self.history, self.epochs = facts["history"], facts["epochs"]
        self._waited, self._best, self._best_values = facts["waited"], facts["best"], arrays["best"]
        checkpoint.say(f"going on after epoch {self.epochs}, from {checkpoint.path}")


def _trained(model: Any) -> list[Any]:
    """List the variables that an epoch may change: the states of random generators too."""
    frozen = {id(weight) for weight in _frozen(model)}
    return [variable for variable in model.variables if id(variable) not in frozen]


def _frozen(layer: Any) -> Iterator[Any]:
    if not layer.trainable:
        yield from layer.weights
    for inner in getattr(layer, "layers", []):
        yield from _frozen(inner)


def _values(variables: Sequence[Any]) -> list[Array]:
    return [variable.numpy() for variable in variables]


def _shapes(arrays: Sequence[Any]) -> list[tuple[int, ...]]:
    return [tuple(array.shape) for array in arrays]


def _assign(variables: Sequence[Any], values: Sequence[Array]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
