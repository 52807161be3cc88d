"""Builds both images with whatever builds images here: ``python -m k8s.build_images``."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import click

from lookalike.errors import ConfigurationError, LookalikeError

HERE = Path(__file__).parent
ROOT = HERE.parent
DOCKERFILES = sorted((HERE / "images").glob("*.Dockerfile"))
# In the order in which they are looked for. An engine may be there without its daemon.
ENGINES = (("docker", ["info"]), ("podman", ["info"]), ("buildah", ["version"]))


@click.command()
@click.option("--prefix", default="", help="Before the names, such as your-registry:5000/team/.")
@click.option("--push", is_flag=True, help="Push them there.")
def main(prefix: str, push: bool) -> None:
    """Build lookalike/search-api and lookalike/jobs, tagged with this version."""
    try:
        engine = find_engine()
        for dockerfile in DOCKERFILES:
            tag = f"{prefix}lookalike/{dockerfile.stem}:{version('lookalike')}"
            for command in commands(engine, dockerfile, tag, push=push):
                click.echo(f"=== {' '.join(command)}", err=True)
                if subprocess.run(command, cwd=ROOT, check=False).returncode:
                    raise ConfigurationError(f"'{' '.join(command)}' failed")
            click.echo(tag)
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


def commands(engine: str, dockerfile: Path, tag: str, *, push: bool) -> Sequence[list[str]]:
    """Spell what builds one image, and pushes it."""
    build = [engine, "build", "-f", str(dockerfile.relative_to(ROOT)), "-t", tag, "."]
    return [build, [engine, "push", tag]] if push else [build]


def _reason(message: str) -> str:
    lines = [line for line in message.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it does not say why"


if __name__ == "__main__":
    main()
