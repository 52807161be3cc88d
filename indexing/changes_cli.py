"""``lookalike add`` and ``lookalike delete``; imports nothing heavy before they run."""

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
import msgspec

from lookalike.flags import json_flag
from lookalike.settings import Settings

if TYPE_CHECKING:
    from lookalike.catalogue import Attribute


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
)
@click.option("--id", "name", help="The picture's id, where one FILE is given.")
@click.option("--label", help="Category of the pictures; their ids then are LABEL/FILE's name.")
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="NAME=VALUE",
    help="What else is known of them; a VALUE that is JSON keeps its type. Repeatable.",
)
@json_flag("it")
def add(
    files: tuple[Path, ...],
    name: str | None,
    label: str | None,
    attributes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add picture FILES to the index being served, without a rebuild.

    They are searchable within a minute, and stay in every later version whatever the
    catalogue says of their ids, until they are deleted. An id that is there already gets
    the new picture.
    """
    from indexing.addition import NewPicture
    from indexing.addition import add as add_pictures

    if name is not None and len(files) > 1:
        raise click.UsageError("--id goes with one FILE")
    known = dict(map(_attribute, attributes))
    prefix = f"{label}/" if label else ""
    pictures = [
        NewPicture(
            id=name or f"{prefix}{file.name}",
            data=file.read_bytes(),
            label=label,
            attributes=known,
        )
        for file in files
    ]
    published = add_pictures(pictures, Settings.from_environment())
    if as_json:
        click.echo(msgspec.json.encode(published))
        return
    for picture in pictures:
        click.echo(f"added {picture.id}")
    click.echo(f"version {published.version}: {published.details.pictures} pictures")


@click.command()
@click.argument("ids", nargs=-1)
@click.option(
    "--from",
    "file",
    type=click.File(),
    help="Read ids from a file, one a line; - is standard input.",
)
@json_flag("it")
def delete(ids: tuple[str, ...], file: TextIO | None, as_json: bool) -> None:
    """Delete pictures by their IDS: no search finds them from two seconds later on.

    Deleted pictures stay deleted: no rollback and no rebuild brings them back, whatever the
    catalogue says, until 'lookalike add' adds them again. Prints a receipt.
    """
    from indexing.deletion import delete as delete_pictures

    listed = [] if file is None else _lines(file)
    wanted = list(dict.fromkeys([*ids, *(name for name in listed if name)]))
    if not wanted:
        raise click.UsageError("say which IDS to delete")
    receipt = delete_pictures(wanted, Settings.from_environment())
    if as_json:
        click.echo(msgspec.json.encode(receipt))
        return
    click.echo(f"record {receipt.record}, {receipt.at}")
    for picture, versions in receipt.found_in.items():
        click.echo(
            f"deleted {picture}: in {', '.join(versions)}"
            if versions
            else f"recorded {picture}: no version has it, so that nothing is gone; is that its id?"
        )
    click.echo(
        f"holds for all {len(receipt.holds_for)} versions, and for later ones until {receipt.until}"
    )


def _lines(file: TextIO) -> list[str]:
    try:
        return [line.rstrip("\n") for line in file]
    except UnicodeDecodeError as error:
        raise click.UsageError(f"--from {file.name}: it is not UTF-8") from error


def _attribute(text: str) -> "tuple[str, Attribute]":
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise click.UsageError(f"--attribute {text!r}: write NAME=VALUE")
    try:
        decoded = msgspec.json.decode(value)
    except msgspec.DecodeError:
        decoded = value
    if decoded is not None and not isinstance(decoded, str | int | float | bool):
        raise click.UsageError(f"--attribute {text!r}: a value is text, a number or true or false")
    return name, decoded
