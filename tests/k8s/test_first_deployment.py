"""What docs/deploy.md says to do, held against the manifests: in an order that a cluster takes."""

import os
from pathlib import Path
from textwrap import dedent

import yaml

from k8s.render import HERE, OVERLAYS
from tests.documents.reading import ROOT, blocks
from tests.k8s.manifests import Manifests, rendered

PAGE = ROOT / "docs" / "deploy.md"


def block(language: str, holding: str) -> str:
    (found,) = [text for text in blocks(PAGE, language) if holding in text]
    return found


def test_secrets_are_made_in_a_namespace_that_is_there_and_before_the_pods_that_wait_for_them(
    production: Manifests,
) -> None:
    lines = dedent(block("sh", "create secret")).splitlines()
    assert (HERE / "base/namespace.yaml").is_file()
    assert lines[0] == "kubectl apply -f k8s/base/namespace.yaml"
    assert lines[1].endswith(
        f"--namespace={production.of_kind('Namespace')[0]['metadata']['name']}"
    )
    assert lines[-1] == "kubectl apply -k k8s/overlays/production"
    made = {line.split()[4] for line in lines if line.startswith("kubectl create secret")}
    assert made == wanted(production)


def wanted(manifests: Manifests) -> set[str]:
    """Name the Secrets that pods and Ingresses refer to."""
    volumes = [volume for pod in manifests.pods() for volume in pod.spec["volumes"]]
    sources = [
        source
        for pod in manifests.pods()
        for container in pod.containers
        for source in container.get("envFrom", [])
    ]
    return {
        *(volume["secret"]["secretName"] for volume in volumes if "secret" in volume),
        *(source["secretRef"]["name"] for source in sources if "secretRef" in source),
        *(
            tls["secretName"]
            for item in manifests.of_kind("Ingress")
            for tls in item["spec"]["tls"]
        ),
    }


def test_what_is_long_without_a_model_is_not_waited_for_by_its_progress(
    production: Manifests,
) -> None:
    """A rollout that went past its deadline, while a model was trained, is failed at once."""
    commands = block("sh", "export-first")
    assert "rollout status" not in commands
    for name in ("tensorflow-serving", "search-api"):
        assert f"kubectl wait --for=condition=available deployment/{name} " in commands
        assert "progressDeadlineSeconds" not in production.named("Deployment", name)["spec"]


def test_pictures_that_are_on_a_volume_are_bound_by_its_name_and_class(tmp_path: Path) -> None:
    """Without a class the cluster's default is put in, which no volume made by hand has."""
    overlay = {
        "resources": [os.path.relpath(OVERLAYS / "production", tmp_path)],
        **yaml.safe_load(block("yaml", "volumeName")),
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    spec = rendered(tmp_path).named("PersistentVolumeClaim", "pictures")["spec"]
    assert (spec["volumeName"], spec["storageClassName"]) == ("your-volume", "")
