"""The ``lookalike`` command: a thin front over the rooms' own subcommands.

Rooms register theirs as entry points of the group ``lookalike.commands``
(pyproject.toml). A subcommand's module is imported only when it is called or
listed, and those modules import nothing heavy themselves.
"""

import os
import signal
import sys
import traceback
from importlib.metadata import EntryPoint, entry_points
from io import TextIOWrapper

import click

from lookalike.errors import ConfigurationError, LookalikeError, StoreError
from lookalike.storing import rights_needed, room_needed

GROUP = "lookalike.commands"
INTERRUPTED = 130
SIGNALLED = 128  # and the signal's number, as shells tell it
INIT = 1
DEBUG = "--debug"


class Rooms(click.Group):
    """A group whose subcommands are found through entry points."""

    def _entries(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=GROUP)}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name the subcommands of all installed rooms."""
        return sorted(self._entries())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one subcommand, or give None where there is none of that name."""
        entry = self._entries().get(cmd_name)
        if entry is None:
            return None
        command = entry.load()
        return command if isinstance(command, click.Command) else None


@click.group(cls=Rooms, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    DEBUG, is_flag=True, expose_value=False, help="Show a traceback when something fails."
)
@click.version_option(package_name="lookalike")
def lookalike() -> None:
    """Find the pictures that look like this one.

    Settings come from LOOKALIKE_* environment variables (docs/settings.md);
    flags go before them.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit: errors in one line, and a status that tells their kind."""
    given = sys.argv[1:] if arguments is None else arguments
    arguments = [argument for argument in given if argument != DEBUG]  # wherever it stands
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal may lack letters that we write
            stream.reconfigure(errors="backslashreplace")
    if os.getpid() == INIT:
        # A container's first process hears of no signal that it has no handler for.
        signal.signal(signal.SIGTERM, _terminated)
    try:
        with rights_needed(), room_needed("the store or the cache"):
            status = lookalike.main(arguments, prog_name="lookalike", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("lookalike: interrupted", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001  whatever it is, it is told in one line
        if DEBUG in given:
            traceback.print_exc()
        told = _told(error)
        click.echo(f"lookalike: {told} [{told.type}]", err=True)
        sys.exit(told.exit_code)
    sys.exit(status if isinstance(status, int) else 0)


def _terminated(number: int, _: object) -> None:
    sys.exit(SIGNALLED + number)


def _told(error: Exception) -> LookalikeError:
    """Give an error of our tree for any failure."""
    if isinstance(error, LookalikeError):
        return error
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        return ConfigurationError(
            f"this needs the package {error.name.partition('.')[0]!r}: pip install "
            "'lookalike[jobs]' brings all that jobs need, 'lookalike[search]' all of the service"
        )
    # A command that had to do with a storage has this loaded; others are not to wait for it.
    from lookalike.catalogue.remote import failures

    if not isinstance(error, OSError) and isinstance(error, failures()):
        return StoreError(f"the store, or another storage, cannot be reached: {error}")
    return LookalikeError(
        f"an unexpected failure, {type(error).__name__}: {error}; with {DEBUG} it has a traceback"
    )
