"""Who may talk to whom: every Service and policy points at something that is there."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from k8s.render import OVERLAYS
from lookalike.settings import Settings
from tests.documents.reading import ROOT, blocks
from tests.k8s.manifests import Manifests, Object, Pod, rendered, selects

NAME = "app.kubernetes.io/name"
POLICIES_FOR_ALL = {"default-deny", "dns", "store"}
# client, server, port
ALLOWED = {
    ("search-api", "tensorflow-serving", 8501),
    ("reindex", "tensorflow-serving", 8500),
    ("extract", "tensorflow-serving", 8500),
    ("build", "tensorflow-serving", 8500),
    ("bootstrap", "tensorflow-serving", 8500),
    ("toolbox", "search-api", 8080),
    ("toolbox", "tensorflow-serving", 8500),
    ("toolbox", "tensorflow-serving", 8501),
}


def policies(manifests: Manifests, pod: Pod) -> list[Object]:
    return [
        policy
        for policy in manifests.of_kind("NetworkPolicy")
        if selects(policy["spec"]["podSelector"], pod.labels)
    ]


def selected(manifests: Manifests, selector: Object) -> list[Pod]:
    return [pod for pod in manifests.pods() if selects(selector, pod.labels)]


def ports(rule: Object) -> set[int]:
    return {port["port"] for port in rule["ports"]}


def may_call(manifests: Manifests, client: Pod, server: Pod, port: int) -> bool:
    """Decide as the network would: the client's egress and the server's ingress must agree."""

    def allows(policy: Object, direction: str, peers: str, other: Pod) -> bool:
        return any(
            port in ports(rule)
            and (
                peers not in rule
                or any(
                    "podSelector" in peer and selects(peer["podSelector"], other.labels)
                    for peer in rule[peers]
                )
            )
            for rule in policy["spec"].get(direction, [])
        )

    return any(
        allows(policy, "egress", "to", server) for policy in policies(manifests, client)
    ) and any(allows(policy, "ingress", "from", client) for policy in policies(manifests, server))


def test_nothing_is_allowed_by_default(manifests: Manifests) -> None:
    spec = manifests.named("NetworkPolicy", "default-deny")["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_every_pod_has_a_policy_of_its_own_for_both_directions(manifests: Manifests) -> None:
    for pod in manifests.pods():
        own = [
            policy
            for policy in policies(manifests, pod)
            if policy["metadata"]["name"] not in POLICIES_FOR_ALL
        ]
        assert [policy["metadata"]["name"] for policy in own] == [pod.name]
        assert own[0]["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_components_can_call_exactly_those_that_they_need(manifests: Manifests) -> None:
    pods = manifests.pods()
    calls = {
        (client.name, server.name, port)
        for client in pods
        for server in pods
        if client is not server
        for port in server.ports.values()
        if may_call(manifests, client, server, port)
    }
    names = {pod.name for pod in pods}
    # Anybody may knock at search-api, of ours only the toolbox is let out to do it; it is let in
    # behind an ingress too.
    assert calls == {call for call in ALLOWED if {call[0], call[1]} <= names}


def test_all_but_the_model_server_may_resolve_names(manifests: Manifests) -> None:
    for pod in manifests.pods():
        allowed = any(
            53 in ports(rule)
            for policy in policies(manifests, pod)
            for rule in policy["spec"].get("egress", [])
        )
        # Its sidecar has to find a bucket.
        assert allowed is (pod.name != "tensorflow-serving" or manifests.in_a_bucket)


def test_names_are_resolved_in_kube_system_or_by_what_the_node_has(
    manifests: Manifests,
) -> None:
    (rule,) = manifests.named("NetworkPolicy", "dns")["spec"]["egress"]
    assert rule["to"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
        {"ipBlock": {"cidr": "169.254.20.10/32"}},
        {"ipBlock": {"cidr": "169.254.169.254/32"}},
    ]
    assert {(port["port"], port["protocol"]) for port in rule["ports"]} == {
        (53, "UDP"),
        (53, "TCP"),
    }


def test_on_openshift_names_are_resolved_by_what_the_page_says_to_patch(tmp_path: Path) -> None:
    (block,) = [block for block in blocks(ROOT / "docs" / "deploy.md", "yaml") if "dns" in block]
    production = os.path.relpath(OVERLAYS / "production", tmp_path)
    overlay = {"resources": [production], **yaml.safe_load(block)}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    manifests = rendered(tmp_path)
    dns, store = (
        manifests.named("NetworkPolicy", name)["spec"]["egress"][0] for name in ("dns", "store")
    )
    namespace = dns["to"][0]["namespaceSelector"]["matchLabels"]
    assert namespace == {"kubernetes.io/metadata.name": "openshift-dns"}
    assert ports(dns) == {5353}
    assert ports(store) == {443, 5353}


def test_every_pod_and_port_that_a_policy_names_exists(manifests: Manifests) -> None:
    for policy in manifests.of_kind("NetworkPolicy"):
        subjects = selected(manifests, policy["spec"]["podSelector"])
        assert subjects
        for rule in policy["spec"].get("ingress", []):
            assert all(ports(rule) <= set(pod.ports.values()) for pod in subjects)
        rules = policy["spec"].get("ingress", []) + policy["spec"].get("egress", [])
        for peer in [
            peer for rule in rules for peer in [*rule.get("from", []), *rule.get("to", [])]
        ]:
            assert "podSelector" not in peer or selected(manifests, peer["podSelector"])


def test_services_select_one_component_and_name_ports_of_it(manifests: Manifests) -> None:
    for service in manifests.of_kind("Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        (pod,) = selected(manifests, selector)
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in pod.ports


def test_deployments_select_their_own_pods_only(manifests: Manifests) -> None:
    for deployment in manifests.of_kind("Deployment"):
        pods = selected(manifests, deployment["spec"]["selector"])
        assert [pod.name for pod in pods] == [deployment["metadata"]["name"]]


@pytest.mark.parametrize(
    ("client", "setting", "headless"),
    [("search-api", "model_server_rest", False), ("reindex", "model_server_grpc", True)],
)
def test_clients_are_pointed_at_a_service_that_they_may_call(
    manifests: Manifests, client: str, setting: str, headless: bool
) -> None:
    pod = manifests.pod(client)
    settings = Settings.from_environment(manifests.settings(pod))
    url = urlsplit(getattr(settings, setting).replace("dns:///", "dns://"))
    service = manifests.named("Service", url.hostname or "")
    (port,) = [port for port in service["spec"]["ports"] if port["port"] == url.port]
    server = manifests.pod(service["spec"]["selector"][NAME])
    assert may_call(manifests, pod, server, server.ports[port["targetPort"]])
    assert (service["spec"].get("clusterIP") == "None") is headless


def test_grpc_clients_resolve_every_pod_s_address(manifests: Manifests) -> None:
    settings = Settings.from_environment(manifests.settings(manifests.pod("reindex")))
    assert settings.model_server_grpc.startswith("dns:///")
