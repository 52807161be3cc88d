"""What builds the images, against engines that only write down what they are asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from k8s.build_images import DOCKERFILES, ROOT, find_engine
from lookalike.errors import ConfigurationError
from tests.k8s.test_images import VERSION

ENGINE = """#!/bin/sh
echo "$(basename "$0") $*" >> {log}
test "$1" != info || exit {status}
"""


def install(folder: Path, name: str, status: int = 0) -> None:
    program = folder / name
    program.write_text(ENGINE.format(log=folder / "log", status=status))
    program.chmod(0o755)


def build(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "k8s.build_images", *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_first_engine_that_works_is_taken(tmp_path: Path) -> None:
    install(tmp_path, "docker", status=1)
    install(tmp_path, "podman")
    install(tmp_path, "buildah")
    assert Path(find_engine(str(tmp_path))).name == "podman"


def test_without_one_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="apt install buildah"):
        find_engine(str(tmp_path))
    install(tmp_path, "docker", status=1)
    with pytest.raises(ConfigurationError, match="docker does not work here"):
        find_engine(str(tmp_path))


def test_both_are_built_from_the_root_under_the_names_of_the_manifests(tmp_path: Path) -> None:
    install(tmp_path, "docker")
    finished = build(tmp_path)
    assert finished.returncode == 0, finished.stderr
    tags = [f"lookalike/{name}:{VERSION}" for name in ("jobs", "search-api")]
    assert finished.stdout.split() == tags
    built = (tmp_path / "log").read_text().splitlines()[1:]
    assert [line.split()[1:] for line in built] == [
        ["build", "-f", f"k8s/images/{file.name}", "-t", tag, "."]
        for file, tag in zip(DOCKERFILES, tags, strict=True)
    ]


def test_they_are_pushed_where_they_are_to_go(tmp_path: Path) -> None:
    install(tmp_path, "docker")
    finished = build(tmp_path, "--prefix", "registry.example.com/team/", "--push")
    tag = f"registry.example.com/team/lookalike/jobs:{VERSION}"
    assert tag in finished.stdout.split()
    assert f"docker push {tag}" in (tmp_path / "log").read_text()
