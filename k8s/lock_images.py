"""Locks what the images install, with hashes: ``python -m k8s.lock_images`` (make lock).

The versions are those of constraints.txt; what is written beside the Dockerfiles is what uv
resolves from them and pyproject.toml. It names no index: pip's configuration does that.
"""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from lookalike.errors import ConfigurationError, LookalikeError

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "k8s" / "images"
PYTHON = "3.11"
# Each image's extras of pyproject.toml.
EXTRAS: Mapping[str, Sequence[str]] = {
    "jobs": ("jobs", "s3", "gcs", "postgres"),
    "search-api": ("search", "tracing", "s3", "gcs"),
}
# What builds the images, and is in none of them; pip is the one of the Makefile.
BUILD = ("pip==26.3", "setuptools==84.2.1")
# TensorFlow asks for these, and nothing that runs imports them.
UNUSED = ("libclang", "setuptools", "wheel")
HEADER = """\
# {what}: every package, by its hashes.
# Made by: make lock
"""


def main() -> None:
    """Write the three files and name them."""
    try:
        uv = find_uv()
        for name, extras in EXTRAS.items():
            given = [word for extra in extras for word in ("--extra", extra)]
            omitted = [word for package in UNUSED for word in ("--no-emit-package", package)]
            constrained = ["pyproject.toml", "--constraints", "constraints.txt", *given, *omitted]
            click.echo(_write(name, f"The image {name}", resolve(uv, constrained)))
        resolved = resolve(uv, ["-"], "\n".join(BUILD))
        click.echo(_write("build", "What builds the images", resolved))
    except LookalikeError as error:
        click.echo(f"k8s.lock_images: {error} [{error.type}]", err=True)
        sys.exit(error.exit_code)


def find_uv() -> str:
    """Find uv: the one of this environment, or the one on the path.

    Raises:
        ConfigurationError: there is none.
    """
    here = sysconfig.get_path("scripts")
    uv = shutil.which("uv", path=here) or shutil.which("uv")
    if uv is None:
        raise ConfigurationError("there is no uv: run 'make lock', which installs it")
    return uv


def resolve(uv: str, sources: Sequence[str], text: str = "") -> str:
    """Resolve requirements into lines of pip's format, each with the hashes of its wheels.

    Raises:
        ConfigurationError: uv cannot; says why.
    """
    options = [
        *("--python-version", PYTHON, "--only-binary", ":all:", "--generate-hashes"),
        *("--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"),
    ]
    finished = subprocess.run(
        [uv, "pip", "compile", "--quiet", *sources, *options],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise ConfigurationError(f"uv cannot resolve the packages: {finished.stderr.strip()}")
    lines = finished.stdout.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


def _write(name: str, what: str, resolved: str) -> Path:
    path = LOCKS / f"{name}.txt"
    path.write_text(HEADER.format(what=what) + resolved)
    return path.relative_to(ROOT)


if __name__ == "__main__":
    main()
