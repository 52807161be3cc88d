"""What a check found, and how checks are run: none of them stops another."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from doctor.cli import REINSTALL
from lookalike.errors import LookalikeError

State = Literal["ok", "warning", "wrong"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        check: what, in a word or two.
        state: ``wrong`` keeps something from working; ``warning`` may, some day.
        said: what was found.
        advice: what to do about it; empty where nothing is to be done.
        type: of the error that it is, as docs/errors.md lists them.
    """

    check: str
    state: State
    said: str
    advice: str = ""
    type: str | None = None


class Check(msgspec.Struct, frozen=True):
    """Something to look at: its name, the function that does, and advice where that fails."""

    name: str
    look: Callable[[], Iterable[Finding]]
    advice: str = ""


def run_checks(checks: Iterable[Check]) -> Iterator[Finding]:
    """Run checks one after the other; one that fails is a finding of its own."""
    for check in checks:
        try:
            yield from check.look()
        except LookalikeError as error:
            yield wrong(check.name, str(error), check.advice, type(error))
        except ImportError as error:
            yield wrong(check.name, f"cannot be looked at: {error}", REINSTALL)
        except Exception as error:  # noqa: BLE001  on a bad day anything may be broken
            said = f"{type(error).__name__}: {error}"
            yield wrong(check.name, said, check.advice, LookalikeError)


def ok(check: str, said: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(check=check, state="ok", said=said)


def warning(check: str, said: str, advice: str) -> Finding:
    """Say what may go wrong."""
    return Finding(check=check, state="warning", said=said, advice=advice)


def wrong(check: str, said: str, advice: str, kind: type[LookalikeError] | None = None) -> Finding:
    """Say what is wrong."""
    named = None if kind is None else kind.type
    return Finding(check=check, state="wrong", said=said, advice=advice, type=named)
