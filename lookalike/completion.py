"""``lookalike completion``: subcommands, flags and files at a press of the tab key."""

import sys

import click
from click.shell_completion import get_completion_class

from lookalike.cli import lookalike

NAME = "lookalike"
VARIABLE = "_LOOKALIKE_COMPLETE"
# Where each shell's user puts it.
HOW = {
    "bash": 'eval "$(lookalike completion bash)"    # in ~/.bashrc',
    "zsh": 'eval "$(lookalike completion zsh)"    # in ~/.zshrc, after compinit',
    "fish": "lookalike completion fish > ~/.config/fish/completions/lookalike.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(sorted(HOW)))
def completion(shell: str) -> None:
    """Print what makes SHELL complete this command's subcommands, flags and files."""
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"{shell} is not completed by the Click that is installed")
    click.echo(made(lookalike, {}, NAME, VARIABLE).source())
    if sys.stdout.isatty():
        click.echo(HOW[shell], err=True)
