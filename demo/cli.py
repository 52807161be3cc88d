"""``lookalike demo``, ``samples`` and ``bootstrap``; import nothing heavy before they run."""

from pathlib import Path

import click

from lookalike.flags import Number


@click.command()
@click.argument("pictures", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--check", is_flag=True, help="Exit once the searches are answered.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("store/demo"),
    show_default=True,
    help="Where the demo keeps its store, links to the pictures and the contact sheet.",
)
@click.option("--size", type=click.IntRange(32), default=128, show_default=True, help="Pixels.")
@click.option("--queries", type=click.IntRange(1), default=6, show_default=True)
@click.option(
    "--force",
    is_flag=True,
    help="Serve the new model even if it finds less than the one that an earlier demo left.",
)
def demo(
    pictures: Path | None, check: bool, folder: Path, size: int, queries: int, force: bool
) -> None:
    """From labelled pictures to an answered POST /search, then serve until Ctrl-C.

    PICTURES is a folder of labelled folders; sample pictures are fetched where none is
    given. A second run skips what is already done.
    """
    from demo.run import run

    run(pictures, folder, size=size, queries=queries, check=check, force=force)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def samples(folder: Path) -> None:
    """Fetch the sample pictures and VGG16's weights into FOLDER, which is made.

    For machines that fetch nothing themselves: 'lookalike bootstrap FOLDER' uses it there,
    and so does 'lookalike train FOLDER/pictures --weights FOLDER/vgg16.weights.h5'.
    """
    from demo.bootstrap import collect

    collect(folder)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Copy the pictures there first; if there are pictures already, they are used instead.",
)
@click.option("--size", type=click.IntRange(32), default=128, show_default=True, help="Pixels.")
@click.option(
    "--wait",
    type=Number(0),
    default=900.0,
    show_default=True,
    help="Seconds to wait for a model server that does not have the model yet.",
)
def bootstrap(folder: Path, pictures: Path | None, size: int, wait: float) -> None:
    """Train on FOLDER's sample pictures, export and index them, if there is no index yet.

    FOLDER is as 'lookalike samples' makes it; nothing is fetched.
    """
    from demo import bootstrap as stages

    stages.bootstrap(folder, pictures, ["--size", str(size)], ["--wait", str(wait)])
