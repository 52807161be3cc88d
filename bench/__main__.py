"""``python -m bench``: every benchmark, one after the other, each in its own process.

A process each, so that one's threads and memory are not another's noise.
"""

import subprocess
import sys
from pathlib import Path

import click

from bench import BENCHMARKS
from bench.report import table


@click.command("bench")
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)), metavar="[NAME]...")
@click.option("--list", "listed", is_flag=True, help="Name the benchmarks and exit.")
@click.option("--quick", is_flag=True, help="Few and short rounds, to see that they run.")
@click.option(
    "--json",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write <name>.json of each into this folder.",
)
@click.option("--check", is_flag=True, help="Exit with 1 where a ratio misses its goal.")
def main(
    names: tuple[str, ...], listed: bool, quick: bool, folder: Path | None, check: bool
) -> None:
    """Run the benchmarks NAME, by default every one (docs/benchmarks.md)."""
    if listed:
        click.echo("\n".join(table(list(BENCHMARKS.items()))))
        return
    flags = ["--quick"] * quick + ["--check"] * check
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    # All of them run, whatever the first ones say; the worst status is the answer.
    sys.exit(max(_run(name, flags, folder) for name in names or BENCHMARKS))


def _run(name: str, flags: list[str], folder: Path | None) -> int:
    report = ["--json", str(folder / f"{name}.json")] if folder else []
    program = [sys.executable, "-m", f"bench.{name}", *flags, *report]
    return abs(subprocess.run(program, check=False).returncode)


if __name__ == "__main__":
    main()
