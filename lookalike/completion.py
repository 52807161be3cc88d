"""``lookalike completion``: subcommands, flags and files at a press of the tab key."""

import click
from click.shell_completion import get_completion_class

from lookalike.cli import lookalike

NAME = "lookalike"
VARIABLE = "_LOOKALIKE_COMPLETE"
SHELLS = ["bash", "fish", "zsh"]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes SHELL complete this command's subcommands, flags and files.

    \b
    In ~/.bashrc:                     eval "$(lookalike completion bash)"
    In ~/.zshrc, after compinit:      eval "$(lookalike completion zsh)"
    In ~/.config/fish/config.fish:    lookalike completion fish | source
    """  # noqa: D301  Click's own sign: lines stay as they are
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"{shell} is not completed by the Click that is installed")
    click.echo(made(lookalike, {}, NAME, VARIABLE).source())
