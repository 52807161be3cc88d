"""The stages within a search of an index, for whoever wants to see them.

Nobody does by default, and a stage is a call that does nothing. A program that traces says once,
before it searches, how a stage is surrounded.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

Surround = Callable[[str, Mapping[str, int]], AbstractContextManager[object]]

_NOTHING: AbstractContextManager[None] = nullcontext()
_surround: Surround | None = None


def observe(surround: Surround | None) -> None:
    """Have all stages of this process surrounded; None: by nothing.

    Args:
        surround: gives, for a stage's name and its numbers, what it runs within.
    """
    global _surround
    _surround = surround


def stage(name: str, **numbers: int) -> AbstractContextManager[object]:
    """Surround a stage.

    Args:
        name: of the stage.
        numbers: that are told of it.
    """
    return _NOTHING if _surround is None else _surround(name, numbers)
