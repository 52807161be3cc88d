"""Builds both images with whatever builds images here: ``python -m k8s.build_images``."""

import shlex
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import click

from lookalike.errors import ConfigurationError, LookalikeError

HERE = Path(__file__).parent
ROOT = HERE.parent
DOCKERFILES = sorted((HERE / "images").glob("*.Dockerfile"))
# In the order in which they are looked for. An engine may be there without its daemon.
ENGINES = (("docker", ["info"]), ("podman", ["info"]), ("buildah", ["version"]))

MEGABYTE = 10**6
# zlib's number for gzip's header.
GZIP = 31


class Given(NamedTuple):
    """What a build is given besides its Dockerfile.

    Attributes:
        base: the image to start from; None: the Dockerfile's own.
        date: of all files and of the image, in seconds since 1970; None: when they are made.
        options: of the engine's build.
    """

    base: str | None
    date: int | None
    options: Sequence[str]


@click.command()
@click.option("--prefix", default="", help="Before the names, such as your-registry:5000/team/.")
@click.option("--push", is_flag=True, help="Push them there.")
@click.option("--base", help="Start from this image, such as a mirror's, not the Dockerfiles' own.")
@click.option(
    "--date",
    type=int,
    envvar="SOURCE_DATE_EPOCH",
    help="Of every file, in seconds since 1970; SOURCE_DATE_EPOCH, or the last commit's.",
)
@click.option("--compressed", is_flag=True, help="Say their sizes under gzip, too.")
@click.argument("options", nargs=-1)
def main(
    prefix: str,
    push: bool,
    base: str | None,
    date: int | None,
    compressed: bool,
    options: tuple[str, ...],
) -> None:
    """Build lookalike/search-api and lookalike/jobs, tagged with this version; say their sizes.

    OPTIONS, after --, go to the engine's build as they are: a network, a volume, a proxy.
    """
    try:
        engine = find_engine()
        given = Given(base, _last_commit() if date is None else date, options)
        for dockerfile in DOCKERFILES:
            tag = f"{prefix}lookalike/{dockerfile.stem}:{version('lookalike')}"
            for command in commands(engine, dockerfile, tag, given, push=push):
                click.echo(f"=== {shlex.join(command)}", err=True)
                _run(command)
            sizes = [size(engine, tag)]
            if compressed:
                sizes.append(f"{compressed_size(engine, tag) / MEGABYTE:.0f} MB under gzip")
            click.echo(f"{tag} {', '.join(sizes)}")
    except LookalikeError as error:
        click.echo(f"k8s.build_images: {error} [{error.type}]", err=True)
        sys.exit(error.exit_code)


def find_engine(search_path: str | None = None) -> str:
    """Find a program that can build images now: docker, podman or buildah.

    Args:
        search_path: folders to look in, as ``PATH`` spells them, which is the default.

    Raises:
        ConfigurationError: there is none, or none that works.
    """
    there = []
    for name, question in ENGINES:
        program = shutil.which(name, path=search_path)
        if program is None:
            continue
        asked = subprocess.run([program, *question], capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            return program
        there.append(f"{name} does not work here ({_reason(asked.stderr)})")
    why = "; ".join(there) or "there is no docker, podman or buildah"
    raise ConfigurationError(f"{why}: install one of them (on Debian: apt install buildah)")


def commands(
    engine: str, dockerfile: Path, tag: str, given: Given, *, push: bool
) -> Sequence[list[str]]:
    """Spell what builds one image, and pushes it."""
    arguments = [] if given.base is None else [f"BASE={given.base}"]
    dated = [] if given.date is None else [f"SOURCE_DATE_EPOCH={given.date}"]
    words = [word for argument in (*arguments, *dated) for word in ("--build-arg", argument)]
    # BuildKit takes the image's own date from that argument; the other two by a flag.
    if given.date is not None and Path(engine).name != "docker":
        words += ["--timestamp", str(given.date)]
    file = str(dockerfile.relative_to(ROOT))
    build = [engine, "build", *words, *given.options, "-f", file, "-t", tag, "."]
    return [build, [engine, "push", tag]] if push else [build]


def size(engine: str, tag: str) -> str:
    """Ask the engine how large an image is, in its own words."""
    return _run([engine, "images", "--format", "{{.Size}}", tag], captured=True).strip()


def compressed_size(engine: str, tag: str) -> int:
    """Measure an image under gzip, all layers together: what a registry keeps, nearly.

    Returns:
        bytes.
    """
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "image.tar"
        if Path(engine).name == "buildah":
            _run([engine, "push", "--quiet", tag, f"docker-archive:{archive}"])
        else:
            _run([engine, "save", "-o", str(archive), tag])
        return _gzipped(archive)


def _gzipped(archive: Path) -> int:
    compressor, total = zlib.compressobj(wbits=GZIP), 0
    with archive.open("rb") as stream:
        while chunk := stream.read(MEGABYTE):
            total += len(compressor.compress(chunk))
    return total + len(compressor.flush())


def _last_commit() -> int | None:
    """When this tree was committed; None where git cannot say."""
    git = shutil.which("git")
    if git is None:
        return None
    asked = subprocess.run(
        [git, "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return int(asked.stdout) if asked.returncode == 0 else None


def _run(command: Sequence[str], *, captured: bool = False) -> str:
    finished = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE if captured else sys.stderr,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise ConfigurationError(f"'{shlex.join(command)}' failed")
    return finished.stdout or ""


def _reason(message: str) -> str:
    lines = [line for line in message.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it does not say why"


if __name__ == "__main__":
    main()
