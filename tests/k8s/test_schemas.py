"""Every object against the strict schemas of the oldest and the newest Kubernetes we know.

Of custom resources, schemas/ has the fields that are used here; a kind without one fails.
"""

import json
from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

from tests.k8s.manifests import Manifests, Object

OWN = Path(__file__).with_name("schemas")
CUSTOM = "monitoring.coreos.com/"

# preStop's sleep is in the API from 1.29 and on by default from 1.30 (docs/deploy.md).
OLDEST = "1.30"
NEWEST = kubernetes_validate.latest_version()


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_is_valid_in_every_field(manifests: Manifests, version: str) -> None:
    for item in manifests:
        validate_once(json.dumps(item), version)


@cache  # most combinations share most of their objects
def validate_once(encoded: str, version: str) -> None:
    item: Object = json.loads(encoded)
    if item["apiVersion"].startswith(CUSTOM):
        jsonschema.validate(item, json.loads((OWN / f"{item['kind']}.json").read_text()))
    else:
        kubernetes_validate.validate(item, version, strict=True)


def test_an_unknown_field_is_refused(production: Manifests) -> None:
    deployment = production.named("Deployment", "search-api")
    wrong = {**deployment, "spec": {**deployment["spec"], "replica": 3}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)
