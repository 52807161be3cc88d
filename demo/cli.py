"""``lookalike demo``; imports nothing heavy before it runs."""

from pathlib import Path

import click


@click.command()
@click.argument("pictures", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--check", is_flag=True, help="Exit once the searches are answered.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("store/demo"),
    show_default=True,
    help="Where the demo keeps its store and the contact sheet.",
)
@click.option("--size", type=click.IntRange(32), default=128, show_default=True, help="Pixels.")
@click.option("--queries", type=click.IntRange(1), default=6, show_default=True)
def demo(pictures: Path | None, check: bool, folder: Path, size: int, queries: int) -> None:
    """From labelled pictures to an answered POST /search, then serve until Ctrl-C.

    PICTURES is a folder of labelled folders; sample pictures are fetched where none is
    given. A second run skips what is already done.
    """
    from demo.run import run

    run(pictures, folder, size=size, queries=queries, check=check)
