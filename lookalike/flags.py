"""Flags that several commands have, so that each means the same everywhere."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def together(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Make one decorator of several, whose flags come in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class Number(click.FloatRange):
    """A number within bounds; click's own type takes NaN, which is within all of them."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it; one that is none, or infinite, is a usage error."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


def json_flag(what: str) -> Callable[[Command], Command]:
    """Give the flag that prints what a command has to say as JSON, and nothing else."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")


def service_flags(command: Command) -> Command:
    """Add the flags by which a command finds a running service, and is let in."""
    url = click.option("--url", help="The service; http://LOOKALIKE_BIND by default.")
    key = click.option(
        "--key", envvar="LOOKALIKE_KEY", show_envvar=True, help="An API key of the service."
    )
    return url(key(command))
