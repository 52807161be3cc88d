"""What each optional component promises."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from indexing.planner.figures import DEFAULTS
from indexing.planner.plan import Request, plan
from k8s.render import HERE, OVERLAYS
from lookalike.settings import Settings
from search_api.access import PROBES
from search_api.app import bare_app
from tests.k8s.manifests import Manifests, Pod, quantity, rendered, selects, with_components

MEBIBYTE = 1 << 20
SCALED = 2  # search-api and tensorflow-serving
# As ingress-nginx reads them.
BY_PREFIX = ("Prefix", "ImplementationSpecific")
# What it takes in paths of the other kinds (its strict-validate-path-type).
STRICT_PATH = re.compile(r"/[A-Za-z0-9_/-]*")


def component(name: str, folder: Path) -> Manifests:
    return with_components([name], folder)


def test_a_node_can_be_drained_where_budgets_are(production: Manifests) -> None:
    for budget in production.of_kind("PodDisruptionBudget"):
        name = budget["metadata"]["name"]
        assert selects(budget["spec"]["selector"], production.pod(name).labels)
        assert budget["spec"]["maxUnavailable"] == 1
        scaler = production.named("HorizontalPodAutoscaler", name)["spec"]
        assert scaler["minReplicas"] >= 2  # of one, the budget lets that one go
    assert {item["metadata"]["name"] for item in production.of_kind("PodDisruptionBudget")} == {
        "search-api",
        "tensorflow-serving",
    }


def test_local_has_no_budget_which_of_one_pod_would_say_nothing(local: Manifests) -> None:
    assert local.of_kind("PodDisruptionBudget") == []


def test_what_is_scaled_has_no_number_of_replicas_to_go_back_to(tmp_path: Path) -> None:
    manifests = component("autoscaling", tmp_path)
    scalers = manifests.of_kind("HorizontalPodAutoscaler")
    assert len(scalers) == SCALED
    for scaler in scalers:
        target = scaler["spec"]["scaleTargetRef"]
        assert "replicas" not in manifests.named(target["kind"], target["name"])["spec"]
        assert scaler["spec"]["minReplicas"] < scaler["spec"]["maxReplicas"]


def test_a_processor_s_share_is_of_what_is_requested(production: Manifests) -> None:
    scalers = production.of_kind("HorizontalPodAutoscaler")
    assert len(scalers) == SCALED
    for scaler in scalers:
        pod = production.pod(scaler["spec"]["scaleTargetRef"]["name"])
        assert "cpu" in pod.main["resources"]["requests"]


def test_the_ingress_lets_through_what_the_service_takes(tmp_path: Path) -> None:
    manifests = component("ingress", tmp_path)
    ingress = manifests.named("Ingress", "search-api")
    settings = Settings.from_environment(manifests.settings(manifests.pod("search-api")))
    notes = {
        name.partition("/")[2]: value for name, value in ingress["metadata"]["annotations"].items()
    }
    assert notes["proxy-body-size"] == f"{settings.max_body_bytes // MEBIBYTE}m"
    assert int(notes["proxy-read-timeout"]) > settings.request_seconds
    (rule,) = ingress["spec"]["rules"]
    backend, *others = [path["backend"]["service"] for path in rule["http"]["paths"]]
    assert all(other == backend for other in others)
    service = manifests.named("Service", backend["name"])
    assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
    assert ingress["spec"]["tls"] == [{"hosts": [rule["host"]], "secretName": "search-api-tls"}]


def test_the_ingress_leads_to_every_path_but_those_for_the_cluster_itself(tmp_path: Path) -> None:
    """Probes and metrics take no key."""
    ingress = component("ingress", tmp_path).named("Ingress", "search-api")
    (rule,) = ingress["spec"]["rules"]
    led = {path["path"]: path["pathType"] for path in rule["http"]["paths"]}
    routes = {route.rule for route in bare_app().url_map.iter_rules()} - {"/static"}
    for route in routes:
        first = "/" + route.split("/")[1]
        through = led.get(first) in BY_PREFIX or led.get(route) == "Exact"
        assert through == (first not in PROBES and first != "/static"), route
    assert {f"/{path.split('/')[1]}" for path in routes} >= set(led)


def test_the_controller_s_admission_takes_every_path(tmp_path: Path) -> None:
    ingress = component("ingress", tmp_path).named("Ingress", "search-api")
    (rule,) = ingress["spec"]["rules"]
    for path in rule["http"]["paths"]:
        strict = path["pathType"] != "ImplementationSpecific"
        assert not strict or STRICT_PATH.fullmatch(path["path"]), path["path"]


def test_behind_the_ingress_only_its_controller_reaches_the_service(tmp_path: Path) -> None:
    manifests = component("ingress", tmp_path)
    (rule,) = manifests.named("NetworkPolicy", "search-api")["spec"]["ingress"]
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}
    ]


def test_keys_come_from_a_secret_that_can_change_under_a_running_pod(tmp_path: Path) -> None:
    manifests = component("api-keys", tmp_path)
    pod = manifests.pod("search-api")
    (variable,) = [item for item in pod.main["env"] if item["name"] == "LOOKALIKE_API_KEYS"]
    file = Path(variable["value"])
    (mount,) = [m for m in pod.main["volumeMounts"] if m["mountPath"] == str(file.parent)]
    assert "subPath" not in mount  # a file by itself would stay as it was
    (volume,) = [item for item in pod.spec["volumes"] if item["name"] == mount["name"]]
    assert volume["secret"]["secretName"] == "search-api-keys"


def test_in_a_bucket_nothing_mounts_the_claim_and_all_that_did_may_leave(tmp_path: Path) -> None:
    base, manifests = rendered(HERE / "base"), component("bucket", tmp_path)
    assert manifests.in_a_bucket
    assert "store" not in {
        claim["metadata"]["name"] for claim in manifests.of_kind("PersistentVolumeClaim")
    }
    policy = manifests.named("NetworkPolicy", "store")["spec"]
    for pod in base.pods():
        users = [
            container["name"]
            for container in pod.containers
            if any(mount["name"] == "store" for mount in container["volumeMounts"])
        ]
        now = manifests.pod(pod.name)
        assert selects(policy["podSelector"], now.labels) is bool(users)
        assert "store" not in {volume["name"] for volume in now.spec["volumes"]}
        for container in now.containers:
            assert "store" not in {mount["name"] for mount in container["volumeMounts"]}
            secrets = [s["secretRef"] for s in container.get("envFrom", []) if "secretRef" in s]
            wanted = {"name": "store-credentials", "optional": True}
            assert secrets == ([wanted] if container["name"] in users else [])
    (anywhere,) = [rule for rule in policy["egress"] if "to" not in rule]
    assert {port["port"] for port in anywhere["ports"]} == {443, 53}


def test_in_a_bucket_a_pod_can_ask_its_cloud_for_credentials(tmp_path: Path) -> None:
    egress = component("bucket", tmp_path).named("NetworkPolicy", "store")["spec"]["egress"]
    asked = {
        (peer["ipBlock"]["cidr"], port["port"], port["protocol"])
        for rule in egress
        for peer in rule.get("to", [])
        for port in rule["ports"]
    }
    assert asked == {
        ("169.254.169.254/32", 80, "TCP"),
        ("169.254.169.252/32", 988, "TCP"),
        ("169.254.170.23/32", 80, "TCP"),
        ("fd00:ec2::23/128", 80, "TCP"),
    }
    page = (HERE / "components" / "bucket" / "README.md").read_text()
    for block, port, _ in asked:
        address = block.partition("/")[0]
        assert f"{f'[{address}]' if ':' in address else address}:{port}" in page


def in_order(order: int) -> list[str]:
    """Name all components by their names, or the other way round; bucket is after toolbox."""
    names = sorted(path.name for path in (HERE / "components").iterdir())
    return ["toolbox", *[name for name in names if name != "toolbox"][::order]]


@pytest.mark.parametrize("order", [1, -1])
def test_components_go_together_in_any_order(tmp_path: Path, order: int) -> None:
    manifests = with_components(in_order(order), tmp_path)
    search = manifests.pod("search-api").main
    (keys,) = [one["value"] for one in search["env"] if one["name"] == "LOOKALIKE_API_KEYS"]
    assert str(Path(keys).parent) in {mount["mountPath"] for mount in search["volumeMounts"]}
    assert_no_claim_of_the_store(manifests)


def test_what_brings_its_own_pictures_can_have_its_store_in_a_bucket(tmp_path: Path) -> None:
    manifests = with_components(["bucket"], tmp_path, "overlays/local")
    assert_no_claim_of_the_store(manifests)
    credentials = manifests.pod("bootstrap").main["envFrom"][-1]["secretRef"]
    assert credentials == {"name": "store-credentials", "optional": True}
    allowed = manifests.named("NetworkPolicy", "store")["spec"]["podSelector"]
    assert selects(allowed, manifests.pod("bootstrap").labels)


def assert_no_claim_of_the_store(manifests: Manifests) -> None:
    for pod in manifests.pods():
        volumes = {volume["name"] for volume in pod.spec["volumes"]}
        assert "store" not in volumes
        for container in pod.containers:
            mounts = container["volumeMounts"]
            assert {mount["name"] for mount in mounts} <= volumes
            assert len({mount["mountPath"] for mount in mounts}) == len(mounts)


@pytest.mark.parametrize(
    "name", ["bucket", "api-keys", "ingress", "disruption", "autoscaling", "monitoring", "gpu"]
)
def test_production_has_every_component(production: Manifests, name: str) -> None:
    text = (HERE / "overlays" / "production" / "kustomization.yaml").read_text()
    assert f"../../components/{name}\n" in text
    assert production.in_a_bucket


def test_a_search_by_url_reaches_public_addresses_and_no_others(tmp_path: Path) -> None:
    manifests = component("url-search", tmp_path)
    settings = Settings.from_environment(manifests.settings(manifests.pod("search-api")))
    assert settings.url_hosts
    egress = manifests.named("NetworkPolicy", "search-api")["spec"]["egress"]
    blocks = [peer["ipBlock"] for rule in egress for peer in rule["to"] if "ipBlock" in peer]

    def reaches(address: str) -> bool:
        at = ip_address(address)
        return any(
            at in ip_network(block["cidr"])
            and not any(at in ip_network(hole) for hole in block.get("except", []))
            for block in blocks
        )

    for open_to_all in ("8.8.8.8", "93.184.216.34", "2606:2800:220:1::1"):
        assert reaches(open_to_all)
    for closed in (
        *("0.0.0.1", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.20.0.1"),
        *("192.168.1.1", "224.0.0.1", "255.255.255.255", "::1", "fd00::1", "fe80::1", "ff02::1"),
    ):
        assert not reaches(closed)


def test_spans_reach_the_collector_that_the_settings_name(tmp_path: Path) -> None:
    manifests = component("tracing", tmp_path)
    settings = Settings.from_environment(manifests.settings(manifests.pod("search-api")))
    collector = urlsplit(settings.otlp_endpoint)
    assert collector.hostname is not None
    rule = manifests.named("NetworkPolicy", "search-api")["spec"]["egress"][-1]
    assert [port["port"] for port in rule["ports"]] == [collector.port]
    (peer,) = rule["to"]
    namespace = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    assert collector.hostname.split(".")[1] == namespace


@pytest.mark.parametrize("overlay", ["base", "local", "production"])
def test_limits_are_enough_for_the_planned_pictures(overlay: str) -> None:
    manifests = rendered(HERE / "base" if overlay == "base" else OVERLAYS / overlay)
    deployment = manifests.named("Deployment", "search-api")
    pod = manifests.pod("search-api")
    limits = pod.main["resources"]["limits"]
    pictures = int(deployment["metadata"]["annotations"]["lookalike/planned-pictures"])
    planned = plan(Request(pictures=pictures, cores=int(quantity(limits["cpu"]))), DEFAULTS)
    # Besides what is held, each thread of each worker may be reading the largest picture, and
    # each worker hold bodies of requests.
    settings = Settings.from_environment(manifests.settings(pod))
    reading = quantity(limits["cpu"]) * settings.threads * settings.max_decoded_bytes
    bodies = quantity(limits["cpu"]) * settings.max_bodies_bytes
    assert quantity(limits["memory"]) >= planned.memory.while_swapping + reading + bodies
    volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
    assert quantity(volumes["cache"]["emptyDir"]["sizeLimit"]) >= planned.disk.replica
    claims = manifests.of_kind("PersistentVolumeClaim")
    (store,) = [claim for claim in claims if claim["metadata"]["name"] == "store"] or [None]
    if store is not None:
        asked = quantity(store["spec"]["resources"]["requests"]["storage"])
        assert asked >= planned.disk.store
    jobs = [job for job in manifests.pods() if job.main["image"].startswith("lookalike/jobs:")]
    assert {job.name for job in jobs} >= {"reindex", "build", "verify", "rollback"}
    for job in jobs:
        assert scratch_room(job) >= planned.disk.job, job.name
        if job.name not in ("toolbox", "bootstrap"):  # which work on less, or seldom
            assert disk_asked(job) >= planned.disk.job, job.name
    assert disk_asked(pod) >= planned.disk.replica


def disk_asked(pod: Pod) -> float:
    return quantity(pod.main["resources"]["requests"]["ephemeral-storage"])


def scratch_room(pod: Pod) -> float:
    """Tell what a pod's one volume for the cache and for temporary files holds."""
    variables = {item["name"]: item.get("value") for item in pod.main.get("env", [])}
    mounts = {mount["mountPath"]: mount["name"] for mount in pod.main["volumeMounts"]}
    assert mounts[variables.get("TMPDIR", "/tmp")] == "cache"  # noqa: S108
    (volume,) = [volume for volume in pod.spec["volumes"] if volume["name"] == "cache"]
    return quantity(volume["emptyDir"]["sizeLimit"])
