"""The Dockerfiles, and the images that the manifests name."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.k8s.manifests import Manifests

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "k8s" / "images"
DOCKERFILES = {path.stem: path for path in sorted(IMAGES.glob("*.Dockerfile"))}
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


def test_both_stages_start_from_one_exact_python_by_its_digest_or_from_what_is_given(
    dockerfile: str,
) -> None:
    assert [line.split()[0] for line in instructions(dockerfile, "FROM")] == ["${BASE}"] * 2
    (base,) = [line for line in instructions(dockerfile, "ARG") if line.startswith("BASE=")]
    minimum = re.escape(PROJECT["project"]["requires-python"].removeprefix(">="))
    assert re.fullmatch(rf"BASE=python:{minimum}\.\d+-slim-\w+@sha256:[0-9a-f]{{64}}", base)
    others = {
        line
        for file in DOCKERFILES.values()
        for line in instructions(file.read_text(), "ARG")
        if line.startswith("BASE=")
    }
    assert others == {base}


def test_packages_come_by_hash_and_nothing_else_is_fetched(
    request: pytest.FixtureRequest, dockerfile: str
) -> None:
    name = request.node.callspec.params["dockerfile"]
    text = dockerfile.replace("\\\n", " ")
    installs = re.findall(r"pip (?:--python \S+ )?install ([^&\n]*)", text)
    assert len(installs) == 3
    for words, lock in zip(map(str.split, installs), ["build", name, None], strict=True):
        assert "--no-deps" in words
        if lock is None:
            assert words[-1] == "/opt/wheels/*.whl"
        else:
            assert {"--require-hashes", "--only-binary"} <= set(words)
            assert words[-2:] == ["-r", f"{lock}.txt"]


def test_every_package_of_the_project_is_copied(dockerfile: str) -> None:
    include = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    copied = {line.split()[-1] for line in instructions(dockerfile, "COPY")}
    assert {pattern.removesuffix("*") for pattern in include} <= copied


def test_everything_that_is_copied_exists(dockerfile: str) -> None:
    for line in instructions(dockerfile, "COPY"):
        if not line.startswith("--from"):
            assert all((ROOT / source).exists() for source in line.split()[:-1])


def test_nothing_else_is_sent_to_the_engine(dockerfile: str) -> None:
    sent = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for line in instructions(dockerfile, "COPY"):
        if not line.startswith("--from"):
            assert all(
                source in sent or str(Path(source).parent) in sent for source in line.split()[:-1]
            )
    assert all((ROOT / path).exists() for path in sent)


def test_images_run_as_the_user_of_the_manifests(dockerfile: str, production: Manifests) -> None:
    users = {pod.spec["securityContext"]["runAsUser"] for pod in production.pods()}
    assert {int(line.split(":")[0]) for line in instructions(dockerfile, "USER")} == users


def test_images_are_labelled_with_this_version_and_have_no_health_check(dockerfile: str) -> None:
    (labels,) = instructions(dockerfile, "LABEL")
    assert f'org.opencontainers.image.version="{VERSION}"' in labels
    assert PROJECT["project"]["license"] in labels
    assert not instructions(dockerfile, "HEALTHCHECK")
