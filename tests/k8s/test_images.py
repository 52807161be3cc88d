"""The Dockerfiles, and the images that the manifests name."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.k8s.manifests import Manifests

ROOT = Path(__file__).parents[2]
DOCKERFILES = {path.stem: path for path in sorted((ROOT / "k8s" / "images").iterdir())}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSION = PROJECT["project"]["version"]


@pytest.fixture(params=DOCKERFILES)
def dockerfile(request: pytest.FixtureRequest) -> str:
    return DOCKERFILES[request.param].read_text()


def instructions(dockerfile: str, name: str) -> list[str]:
    joined = dockerfile.replace("\\\n", " ")
    return re.findall(rf"^{name} (.*)$", joined, re.MULTILINE)


def test_there_is_one_for_the_service_and_one_for_the_jobs() -> None:
    assert DOCKERFILES.keys() == {"jobs", "search-api"}


def test_our_images_are_this_version_and_the_model_server_is_the_clients_version(
    manifests: Manifests,
) -> None:
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    )
    names = {"tensorflow/serving": pins["tensorflow-serving-api"]}
    names |= {f"lookalike/{stem}": VERSION for stem in DOCKERFILES}
    for container in (one for pod in manifests.pods() for one in pod.containers):
        name, tag = container["image"].split(":")
        assert tag.removesuffix("-gpu") == names[name]


def test_both_stages_start_from_one_exact_python_that_the_project_supports(
    dockerfile: str,
) -> None:
    bases = {line.split()[0] for line in instructions(dockerfile, "FROM")}
    (base,) = bases
    assert len(instructions(dockerfile, "FROM")) == 2
    minimum = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert re.fullmatch(rf"python:{re.escape(minimum)}\.\d+-slim-\w+", base)


def test_dependencies_are_those_of_the_constraints(dockerfile: str) -> None:
    (install,) = [line for line in instructions(dockerfile, "RUN") if "pip install" in line]
    assert "-c constraints.txt" in install


def test_the_service_s_image_asks_for_nothing_that_only_jobs_need() -> None:
    text = DOCKERFILES["search-api"].read_text()
    assert "'.[search,tracing,s3,gcs]'" in text
    assert "'.[jobs,s3,gcs,postgres]'" in DOCKERFILES["jobs"].read_text()


def test_every_package_of_the_project_is_copied(dockerfile: str) -> None:
    include = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    copied = {line.split()[-1] for line in instructions(dockerfile, "COPY")}
    assert {pattern.removesuffix("*") for pattern in include} <= copied


def test_everything_that_is_copied_exists(dockerfile: str) -> None:
    for line in instructions(dockerfile, "COPY"):
        if not line.startswith("--from"):
            assert all((ROOT / source).exists() for source in line.split()[:-1])


def test_images_run_as_the_user_of_the_manifests(dockerfile: str, production: Manifests) -> None:
    users = {pod.spec["securityContext"]["runAsUser"] for pod in production.pods()}
    assert {int(line.split(":")[0]) for line in instructions(dockerfile, "USER")} == users


def test_images_are_labelled_with_this_version_and_have_no_health_check(dockerfile: str) -> None:
    (labels,) = instructions(dockerfile, "LABEL")
    assert f'org.opencontainers.image.version="{VERSION}"' in labels
    assert PROJECT["project"]["license"] in labels
    assert not instructions(dockerfile, "HEALTHCHECK")
