"""Rules that hold for every pod: Pod Security restricted, limits, pinned images, no tokens."""

from lookalike.errors import ConfigurationError, DataError
from lookalike.settings import Settings
from search_api import gunicorn_conf
from tests.k8s.manifests import Manifests, quantity

ALLOWED_VOLUMES = {"persistentVolumeClaim", "configMap", "emptyDir", "secret", "projected"}


def test_the_namespace_enforces_pod_security_restricted(manifests: Manifests) -> None:
    (namespace,) = manifests.of_kind("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    others = [item for item in manifests if item is not namespace]
    assert {item["metadata"]["namespace"] for item in others} == {namespace["metadata"]["name"]}


def test_pods_run_as_nobody_in_particular_with_the_default_seccomp_profile(
    manifests: Manifests,
) -> None:
    for pod in manifests.pods():
        context = pod.spec["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["runAsGroup"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.spec.keys()


def test_pods_share_one_user_so_that_each_reads_what_another_wrote(manifests: Manifests) -> None:
    owners = {
        (pod.spec["securityContext"]["runAsUser"], pod.spec["securityContext"]["fsGroup"])
        for pod in manifests.pods()
    }
    assert len(owners) == 1


def test_containers_have_no_privileges_and_a_read_only_root(manifests: Manifests) -> None:
    for pod in manifests.pods():
        for container in pod.containers:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_volumes_are_of_kinds_that_restricted_allows_and_scratch_space_is_bounded(
    manifests: Manifests,
) -> None:
    for pod in manifests.pods():
        for volume in pod.spec["volumes"]:
            assert len(volume.keys() & ALLOWED_VOLUMES) == 1
            if "emptyDir" in volume:
                assert "sizeLimit" in volume["emptyDir"]


def test_containers_ask_for_no_more_than_their_limits(manifests: Manifests) -> None:
    for pod in manifests.pods():
        for container in pod.containers:
            requests, limits = container["resources"]["requests"], container["resources"]["limits"]
            assert {"cpu", "memory"} <= requests.keys() & limits.keys()
            for name in requests.keys() & limits.keys():
                assert quantity(requests[name]) <= quantity(limits[name])


def test_pods_ask_for_room_on_the_disk_of_their_node(manifests: Manifests) -> None:
    """Without it they come to nodes that have none, and are evicted as they fill them."""
    for pod in manifests.pods():
        asked = sum(
            quantity(container["resources"]["requests"].get("ephemeral-storage", "0"))
            for container in pod.containers
        )
        fills = any("emptyDir" in volume for volume in pod.spec["volumes"])
        assert not fills or asked >= quantity("1Gi"), pod.name


def test_images_have_a_tag_and_none_is_latest(manifests: Manifests) -> None:
    for pod in manifests.pods():
        for container in pod.containers:
            _, colon, tag = container["image"].partition(":")
            assert colon
            assert tag
            assert "latest" not in tag


def test_each_pod_has_a_service_account_of_its_own_without_a_token(manifests: Manifests) -> None:
    for pod in manifests.pods():
        assert pod.spec["serviceAccountName"] == pod.name
        assert pod.spec["automountServiceAccountToken"] is False
        assert manifests.named("ServiceAccount", pod.name)["automountServiceAccountToken"] is False


def test_no_pod_gets_the_environment_of_services(manifests: Manifests) -> None:
    assert all(pod.spec["enableServiceLinks"] is False for pod in manifests.pods())


def test_search_api_has_time_for_its_graceful_shutdown(manifests: Manifests) -> None:
    pod = manifests.pod("search-api")
    settings = Settings.from_environment(manifests.settings(pod))
    longest = gunicorn_conf.shutdown_seconds(settings)
    assert pod.spec["terminationGracePeriodSeconds"] > longest
    assert longest > settings.drain_seconds + settings.request_seconds


def test_search_api_goes_on_until_those_who_probe_it_know_that_it_stops(
    manifests: Manifests,
) -> None:
    pod = manifests.pod("search-api")
    probe = pod.main["readinessProbe"]
    noticed = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
    settings = Settings.from_environment(manifests.settings(pod))
    assert probe["httpGet"]["path"] == "/readyz"
    assert settings.drain_seconds >= noticed


def test_gunicorn_s_heartbeats_are_on_a_volume_in_memory(manifests: Manifests) -> None:
    spec = manifests.pod("search-api").spec
    mounts = {mount["mountPath"]: mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    shared_memory = volumes[mounts[str(gunicorn_conf.SHARED_MEMORY)]]
    assert shared_memory["emptyDir"]["medium"] == "Memory"


def test_rolling_updates_take_no_replica_away_first(manifests: Manifests) -> None:
    for name in ("search-api", "tensorflow-serving"):
        strategy = manifests.named("Deployment", name)["spec"]["strategy"]
        assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_reindex_runs_once_at_a_time_and_gives_up(manifests: Manifests) -> None:
    cron = manifests.named("CronJob", "reindex")["spec"]
    job = cron["jobTemplate"]["spec"]
    assert cron["concurrencyPolicy"] == "Forbid"
    # Applying again must not end an operator's suspension.
    assert "suspend" not in cron
    assert {"startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"} <= (
        cron.keys()
    )
    assert job["activeDeadlineSeconds"] > 0
    assert job["backoffLimit"] > 0


def test_reindex_is_not_tried_again_where_that_cannot_help(manifests: Manifests) -> None:
    job = manifests.named("CronJob", "reindex")["spec"]["jobTemplate"]["spec"]
    (rule,) = [rule for rule in job["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["operator"] == "In"
    assert set(rule["onExitCodes"]["values"]) == {ConfigurationError.exit_code, DataError.exit_code}


def test_what_is_served_can_be_written_by_the_jobs_only(manifests: Manifests) -> None:
    for name in ("search-api", "tensorflow-serving"):
        mounts = [
            mount
            for container in manifests.pod(name).containers
            if container["name"] != "requests"
            for mount in container["volumeMounts"]
            if mount["name"] == "store"
        ]
        if manifests.in_a_bucket:
            assert mounts == []
            continue
        writable = [mount for mount in mounts if not mount.get("readOnly")]
        assert len(mounts) - len(writable) == 1
        # Deletions and additions, which search-api takes, are records of their own.
        requests = {"name": "store", "mountPath": "/srv/store/requests", "subPath": "requests"}
        assert writable == ([requests] if name == "search-api" else [])


def test_the_folder_of_changes_is_made_by_the_user_who_writes_there(manifests: Manifests) -> None:
    """What the kubelet makes for a subPath is root's, where a volume ignores fsGroup."""
    pod = manifests.pod("search-api")
    if manifests.in_a_bucket:
        assert not pod.spec.get("initContainers")
        return
    (maker,) = pod.spec["initContainers"]
    (changes,) = [mount for mount in pod.main["volumeMounts"] if "subPath" in mount]
    (store,) = maker["volumeMounts"]
    assert store == {"name": changes["name"], "mountPath": "/srv/store"}
    assert maker["command"] == ["mkdir", "-p", f"{store['mountPath']}/{changes['subPath']}"]
    assert maker["image"] == pod.main["image"]


def test_production_runs_three_searches_spread_over_zones(production: Manifests) -> None:
    spec = production.named("Deployment", "search-api")["spec"]
    constraints = spec["template"]["spec"]["topologySpreadConstraints"]
    scaler = production.named("HorizontalPodAutoscaler", "search-api")["spec"]
    assert scaler["minReplicas"] == 3
    assert "topology.kubernetes.io/zone" in {item["topologyKey"] for item in constraints}
    for item in constraints:
        assert item["labelSelector"] == spec["selector"]


def test_production_runs_the_model_on_a_gpu_and_nothing_else(production: Manifests) -> None:
    for pod in production.pods():
        container = pod.main
        on_gpu = pod.name == "tensorflow-serving"
        assert ("nvidia.com/gpu" in container["resources"]["limits"]) is on_gpu
        assert ("tolerations" in pod.spec) is on_gpu
        assert container["image"].endswith("-gpu") is on_gpu


def test_local_runs_one_of_each_on_storage_that_any_cluster_has(local: Manifests) -> None:
    claims = local.of_kind("PersistentVolumeClaim")
    assert {tuple(claim["spec"]["accessModes"]) for claim in claims} == {("ReadWriteOnce",)}
    for name in ("search-api", "tensorflow-serving"):
        assert local.named("Deployment", name)["spec"]["replicas"] == 1


def test_the_service_logs_json(manifests: Manifests) -> None:
    settings = Settings.from_environment(manifests.settings(manifests.pod("search-api")))
    assert settings.log_format == "json"
