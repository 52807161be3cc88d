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
test "$1" != images || echo "12 MB"
test "$1" != save || echo "an archive" > "$3"
test "$1" != push || test "$2" != --quiet || echo "an archive" > "${{4#docker-archive:}}"
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


def install_only(folder: Path, name: str) -> None:
    """Install an engine; the others do not work, wherever this machine has them."""
    for other in ("docker", "podman"):
        install(folder, other, status=1)
    install(folder, name)


def builds(folder: Path, engine: str) -> list[list[str]]:
    lines = (folder / "log").read_text().splitlines()
    words = [line.split() for line in lines]
    return [line[2:] for line in words if line[:2] == [engine, "build"]]


def test_both_are_built_from_the_root_under_the_names_of_the_manifests(tmp_path: Path) -> None:
    install(tmp_path, "docker")
    finished = build(tmp_path, "--date", "1234567890")
    assert finished.returncode == 0, finished.stderr
    tags = [f"lookalike/{name}:{VERSION}" for name in ("jobs", "search-api")]
    assert finished.stdout.splitlines() == [f"{tag} 12 MB" for tag in tags]
    dated = ["--build-arg", "SOURCE_DATE_EPOCH=1234567890"]
    assert builds(tmp_path, "docker") == [
        [*dated, "-f", f"k8s/images/{file.name}", "-t", tag, "."]
        for file, tag in zip(DOCKERFILES, tags, strict=True)
    ]


@pytest.mark.parametrize("engine", ["podman", "buildah"])
def test_engines_that_do_not_date_an_image_by_themselves_are_told_to(
    tmp_path: Path, engine: str
) -> None:
    install_only(tmp_path, engine)
    assert build(tmp_path, "--date", "1234567890").returncode == 0
    for words in builds(tmp_path, engine):
        assert words[:4] == [
            *("--build-arg", "SOURCE_DATE_EPOCH=1234567890"),
            *("--timestamp", "1234567890"),
        ]


def test_a_base_of_ones_own_and_the_engine_s_own_options_are_passed_on(tmp_path: Path) -> None:
    install(tmp_path, "docker")
    options = ["--base", "mirror.example.com/python:3.11", "--", "--network", "host"]
    assert build(tmp_path, *options).returncode == 0
    for words in builds(tmp_path, "docker"):
        assert words[:2] == ["--build-arg", "BASE=mirror.example.com/python:3.11"]
        assert words[-7:-5] == ["--network", "host"]


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_sizes_are_said_under_gzip_too_if_asked(tmp_path: Path, engine: str) -> None:
    install_only(tmp_path, engine)
    finished = build(tmp_path, "--compressed")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[0].endswith(" 12 MB, 0 MB under gzip")


def test_they_are_pushed_where_they_are_to_go(tmp_path: Path) -> None:
    install(tmp_path, "docker")
    finished = build(tmp_path, "--prefix", "registry.example.com/team/", "--push")
    tag = f"registry.example.com/team/lookalike/jobs:{VERSION}"
    assert tag in finished.stdout.split()
    assert f"docker push {tag}" in (tmp_path / "log").read_text()
