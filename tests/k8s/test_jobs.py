"""The jobs: which run by themselves, what each is given, and what happens when one fails."""

from pathlib import Path

from demo.bootstrap import PICTURES, WEIGHTS
from lookalike.errors import ConfigurationError, DataError
from tests.k8s.manifests import Manifests, Object

BY_HAND = {"train", "export-model", "extract", "build", "rollback", "verify"}
JOBS_IMAGE = Path(__file__).parents[2] / "k8s" / "images" / "jobs.Dockerfile"


def option(container: Object, name: str) -> str:
    (found,) = [item for item in container["args"] if item.startswith(f"{name}=")]
    return str(found.partition("=")[2])


def test_reindex_and_prune_run_by_themselves(manifests: Manifests) -> None:
    for cron in manifests.of_kind("CronJob"):
        by_hand = cron["metadata"]["name"] in BY_HAND
        # What runs by itself does not say so: applying again must not end an operator's suspension.
        assert cron["spec"].get("suspend") is (True if by_hand else None)
        assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    assert {cron["metadata"]["name"] for cron in manifests.of_kind("CronJob")} == {
        *BY_HAND,
        "reindex",
        "prune",
    }


def test_bulk_batches_are_small_where_a_processor_embeds_them(manifests: Manifests) -> None:
    """A search by picture waits behind those that run."""
    server = manifests.pod("tensorflow-serving").main
    has_gpu = "nvidia.com/gpu" in server["resources"]["limits"]
    for name in ("reindex", "extract"):
        container = manifests.pod(name).main
        sizes = int(option(container, "--batch")), int(option(container, "--in-flight"))
        assert sizes == ((32, 4) if has_gpu else (4, 2))


def test_libraries_count_the_cores_of_the_container(manifests: Manifests) -> None:
    """TensorFlow heeds none of OpenMP's variables."""
    names = {"OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"}
    for cron in manifests.of_kind("CronJob"):
        variables = manifests.pod(cron["metadata"]["name"]).main["env"]
        limited = {
            one["name"]
            for one in variables
            if one.get("valueFrom") == {"resourceFieldRef": {"resource": "limits.cpu"}}
        }
        assert names <= limited


def test_every_part_of_the_first_load_has_a_pod(manifests: Manifests) -> None:
    job, container = manifests.job("extract"), manifests.pod("extract").main
    parts = int(option(container, "--of"))
    assert job["completionMode"] == "Indexed"
    assert job["completions"] == job["parallelism"] == parts > 1
    assert job["backoffLimitPerIndex"] > 0
    assert int(option(manifests.pod("build").main, "--of")) == parts


def test_jobs_end_at_once_where_another_try_cannot_help(manifests: Manifests) -> None:
    for name in ("reindex", "extract", "build", "train", "export-model"):
        rules = manifests.job(name)["podFailurePolicy"]["rules"]
        (rule,) = [rule for rule in rules if "onExitCodes" in rule]
        assert rule["onExitCodes"] == {
            "containerName": name,
            "operator": "In",
            "values": [ConfigurationError.exit_code, DataError.exit_code],
        }


def test_a_rollback_is_tried_once_since_another_would_go_back_further(
    manifests: Manifests,
) -> None:
    assert manifests.job("rollback")["backoffLimit"] == 0


def test_a_retrained_model_comes_to_be_served_without_a_number_in_any_manifest(
    manifests: Manifests,
) -> None:
    for name in ("train", "export-model", "reindex"):
        container = manifests.pod(name).main
        assert not [item for item in container["args"] if "version" in item]
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        assert manifests.in_a_bucket or not mounts["/srv/store"].get("readOnly")
        assert mounts["/srv/pictures"]["readOnly"] is True


def test_local_brings_its_own_pictures_and_weights(local: Manifests) -> None:
    container = local.pod("bootstrap").main
    _, samples = container["args"][:2]
    (fetched,) = [
        line.split()[-1]
        for line in JOBS_IMAGE.read_text().replace("\\\n", "").splitlines()
        if line.startswith("RUN") and "lookalike samples" in line
    ]
    assert samples == fetched
    assert f"COPY --from=build {samples} {samples}" in JOBS_IMAGE.read_text()
    # What train begins with, too, which may call nobody.
    assert f"LOOKALIKE_WEIGHTS={samples}/{WEIGHTS}" in JOBS_IMAGE.read_text()
    assert (PICTURES, WEIGHTS) == ("pictures", "vgg16.weights.h5")
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts[option(container, "--pictures")] == {
        "name": "pictures",
        "mountPath": "/srv/pictures",
    }
    assert local.named("Job", "bootstrap")["spec"]["ttlSecondsAfterFinished"] > 0


def test_local_waits_for_its_first_index(local: Manifests) -> None:
    for name in ("search-api", "tensorflow-serving"):
        assert local.named("Deployment", name)["spec"]["progressDeadlineSeconds"] >= 3600
    probe = local.pod("tensorflow-serving").main["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 1800
