"""The renderer: every overlay becomes a file, with a kubectl that is new enough."""

from pathlib import Path

import pytest
import yaml

from k8s.render import HERE, OVERLAYS, find_kubectl, render, render_overlays
from lookalike.errors import ConfigurationError


def test_every_overlay_becomes_a_file_of_manifests(tmp_path: Path) -> None:
    files = render_overlays(tmp_path / "manifests")
    assert [path.name for path in files] == ["local.yaml", "production.yaml"]
    for path in files:
        kinds = {item["kind"] for item in yaml.safe_load_all(path.read_text())}
        assert {"Namespace", "Deployment", "CronJob", "NetworkPolicy"} <= kinds


@pytest.mark.parametrize(
    "answer",
    [
        '{"clientVersion": {"gitVersion": "v1.20.2"}}',
        '{"clientVersion": {}, "kustomizeVersion": "v4.5.7"}',
    ],
)
def test_a_kubectl_that_is_too_old_is_passed_over(tmp_path: Path, answer: str) -> None:
    old = tmp_path / "kubectl"
    old.write_text(f"#!/bin/sh\necho '{answer}'\n")
    old.chmod(0o755)
    found = find_kubectl(str(tmp_path))
    assert found != old
    assert "kind: Namespace" in render(OVERLAYS / "local", found)


def test_a_new_kubectl_on_the_path_goes_first(tmp_path: Path) -> None:
    new = tmp_path / "kubectl"
    new.write_text('#!/bin/sh\necho \'{"kustomizeVersion": "v5.8.1"}\'\n')
    new.chmod(0o755)
    assert find_kubectl(str(tmp_path)) == new


def test_a_kustomization_that_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [missing.yaml]\n")
    with pytest.raises(ConfigurationError, match=r"does not render: .*missing\.yaml"):
        render(tmp_path, find_kubectl())


def test_every_component_has_a_readme() -> None:
    for component in (HERE / "components").iterdir():
        assert (component / "README.md").read_text().startswith(f"# {component.name}\n")
