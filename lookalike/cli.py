"""The ``lookalike`` command: a thin front over the rooms' own subcommands.

Rooms register theirs as entry points of the group ``lookalike.commands``
(pyproject.toml). A subcommand's module is imported only when it is called or
listed, and those modules import nothing heavy themselves.
"""

import sys
import traceback
from importlib.metadata import EntryPoint, entry_points

import click

from lookalike.errors import LookalikeError
from lookalike.storing import rights_needed, room_needed

GROUP = "lookalike.commands"
INTERRUPTED = 130


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
    "--debug", is_flag=True, expose_value=False, help="Show a traceback when something fails."
)
@click.version_option(package_name="lookalike")
def lookalike() -> None:
    """Find the pictures that look like this one.

    Settings come from LOOKALIKE_* environment variables (docs/settings.md);
    flags go before them.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit: errors in one line, and a status that tells their kind."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with rights_needed(), room_needed("the store or the cache"):
            status = lookalike.main(arguments, prog_name="lookalike", standalone_mode=False)
    except LookalikeError as error:
        if "--debug" in arguments:
            traceback.print_exc()
        click.echo(f"lookalike: {error} [{error.type}]", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("lookalike: interrupted", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(status if isinstance(status, int) else 0)
