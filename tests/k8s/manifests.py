"""Rendered manifests, read the way that the tests look at them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from k8s.render import HERE, find_kubectl, render

Object = dict[str, Any]
POD_TEMPLATES = {
    "Deployment": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
UNITS = {"m": 1e-3, "Mi": 2.0**20, "Gi": 2.0**30}


class Pod(NamedTuple):
    """A pod as some controller would start it."""

    name: str
    labels: dict[str, str]
    spec: Object

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def main(self) -> Object:
        """The container that the pod is there for."""
        (found,) = [container for container in self.containers if container["name"] == self.name]
        return found

    @property
    def ports(self) -> dict[str, int]:
        found = [port for container in self.containers for port in container.get("ports", [])]
        return {port["name"]: port["containerPort"] for port in found}


class Manifests(list[Object]):
    """All objects of one rendered kustomization."""

    def of_kind(self, kind: str) -> list[Object]:
        return [item for item in self if item["kind"] == kind]

    def named(self, kind: str, name: str) -> Object:
        (found,) = [item for item in self.of_kind(kind) if item["metadata"]["name"] == name]
        return found

    def pods(self) -> list[Pod]:
        return [
            Pod(item["metadata"]["name"], template["metadata"]["labels"], template["spec"])
            for item, template in self._templates()
        ]

    def pod(self, name: str) -> Pod:
        (found,) = [pod for pod in self.pods() if pod.name == name]
        return found

    def job(self, name: str) -> Object:
        """Give what a CronJob's Jobs are made of."""
        spec: Object = self.named("CronJob", name)["spec"]["jobTemplate"]["spec"]
        return spec

    @property
    def in_a_bucket(self) -> bool:
        """Whether the store is one, instead of a claim."""
        return "://" in self.settings(self.pod("search-api"))["LOOKALIKE_STORE"]

    def settings(self, pod: Pod) -> dict[str, str]:
        """Give what a pod's ConfigMaps put into its environment."""
        sources = [source for c in pod.containers for source in c.get("envFrom", [])]
        names = [source["configMapRef"]["name"] for source in sources if "configMapRef" in source]
        maps = [self.named("ConfigMap", name) for name in names]
        return {key: value for item in maps for key, value in item["data"].items()}

    def _templates(self) -> Iterator[tuple[Object, Object]]:
        for item in self:
            if item["kind"] in POD_TEMPLATES:
                template = item
                for step in POD_TEMPLATES[item["kind"]]:
                    template = template[step]
                yield item, template


def rendered(folder: Path) -> Manifests:
    return Manifests(yaml.safe_load_all(render(folder, find_kubectl())))


def with_components(components: Sequence[str], folder: Path, beneath: str = "base") -> Manifests:
    """Render components in this order, through a kustomization written into ``folder``.

    ``beneath`` is what they are laid upon: the base, or an overlay.
    """
    places = {
        "resources": [os.path.relpath(HERE / beneath, folder)],
        "components": [os.path.relpath(HERE / "components" / one, folder) for one in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(places))
    return rendered(folder)


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Tell whether a label selector takes a pod; of the expressions only In and NotIn are read."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", []):
        inside = labels.get(expression["key"]) in expression["values"]
        if inside != {"In": True, "NotIn": False}[expression["operator"]]:
            return False
    return True


def quantity(text: str) -> float:
    """Read a Kubernetes quantity, such as 100m or 4Gi."""
    unit = next((unit for unit in UNITS if str(text).endswith(unit)), "")
    return float(str(text).removesuffix(unit)) * UNITS.get(unit, 1.0)
