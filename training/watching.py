"""Who is told of a run's epochs: a progress bar, and TensorBoard where it is asked for."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from lookalike.progress import Meter
from training.loop import Watch
from training.tensorboard import EventFiles


class Watching:
    """Watches of one stage after the other; those of the one before are closed.

    Args:
        title: of the progress bar; ``{stage}`` in it is the stage's name.
        epochs: the most of a stage.
        events: folder for event files, one of each stage within; None: there are none.
        flags: what the run was asked to do.
    """

    def __init__(
        self, title: str, epochs: int, events: Path | None, flags: Mapping[str, object]
    ) -> None:
        self._title, self._epochs, self._events, self._flags = title, epochs, events, flags
        self._open = ExitStack()

    def __enter__(self) -> "Watching":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def of(self, stage: str) -> Sequence[Watch]:
        """Open the watches of a stage, by its name."""
        self._open.close()
        meter = Meter(self._title.format(stage=stage), self._epochs)
        self._open.callback(meter.close)
        watches: list[Watch] = [lambda done: meter.reach(done.epoch)]
        if self._events is not None:
            files = EventFiles(self._events / stage, self._flags)
            self._open.callback(files.close)
            watches.append(files.watch)
        return watches
