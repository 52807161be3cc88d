"""Selectors that the pages tell people to type: each finds something."""

import re
from collections.abc import Iterator

from tests.documents.reading import ROOT
from tests.k8s.manifests import Manifests

TYPED = re.compile(r"kubectl get (pods|jobs) -l ([\w./-]+)=([\w-]+)")


def labels(manifests: Manifests, kind: str) -> Iterator[dict[str, str]]:
    """Give the labels of what there will be of a kind."""
    if kind == "pods":
        yield from (pod.labels for pod in manifests.pods())
        return
    for cron in manifests.of_kind("CronJob"):
        # What is in a Job's pods, it has itself only where it has no labels of its own.
        template = cron["spec"]["jobTemplate"]
        yield (
            template.get("metadata", {}).get("labels")
            or template["spec"]["template"]["metadata"]["labels"]
        )


def test_what_a_page_selects_by_its_label_is_there(production: Manifests) -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("k8s/components/*/README.md")]
    typed = [found for page in pages for found in TYPED.findall(page.read_text())]
    assert typed
    for kind, name, value in typed:
        assert any(one.get(name) == value for one in labels(production, kind)), (kind, name, value)
