"""The model server's manifest and the local model server: one configuration, the same answers."""

import shutil
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from indexing.extraction.settings import ExtractionSettings
from lookalike.settings import Settings
from model_server.metrics import PATH
from model_server.options import BatchingParameters, ServerOptions
from model_server.real_server import arguments, batching_config, model_config
from tests.k8s.manifests import Manifests
from tests.services import model_server, publish_toy_model, status, until

CONFIGURATION = "/etc/tensorflow-serving"


def files(manifests: Manifests) -> dict[str, str]:
    """Give the files that the container sees, without their comments."""
    (volume,) = [
        volume
        for volume in manifests.pod("tensorflow-serving").spec["volumes"]
        if volume["name"] == "config"
    ]
    data = manifests.named("ConfigMap", volume["configMap"]["name"])["data"]
    return {name: _without_comments(text) for name, text in data.items()}


def served(manifests: Manifests) -> ServerOptions:
    """Give the options that should make the local model server do the same."""
    pod = manifests.pod("tensorflow-serving")
    settings = Settings.from_environment(manifests.settings(manifests.pod("search-api")))
    return ServerOptions(
        model_name=settings.model,
        base_path=synced(manifests),
        rest_port=pod.ports["rest"],
        grpc_port=pod.ports["grpc"],
    )


def synced(manifests: Manifests) -> Path:
    """Give the folder that versions are brought into, which both containers see."""
    pod = manifests.pod("tensorflow-serving")
    sidecar, server = pod.containers
    command, folder, *_ = sidecar["args"]
    assert (sidecar["restartPolicy"], command) == ("Always", "sync-models")
    (own,) = [mount for mount in sidecar["volumeMounts"] if folder.startswith(mount["mountPath"])]
    (its,) = [mount for mount in server["volumeMounts"] if mount["name"] == own["name"]]
    assert its == {**own, "readOnly": True}
    return Path(folder)


def probe(manifests: Manifests, name: str) -> str:
    container = manifests.pod("tensorflow-serving").main
    path: str = container[name]["httpGet"]["path"]
    return path


def test_all_versions_that_are_brought_are_served_under_the_settings_name(
    manifests: Manifests,
) -> None:
    config = text_format.Parse(files(manifests)["models.config"], ModelServerConfig())
    expected = text_format.Parse(model_config(served(manifests)), ModelServerConfig())
    assert config == expected
    assert config.model_config_list.config[0].model_version_policy.WhichOneof("policy_choice") == (
        "all"
    )


def test_batching_is_as_it_is_on_a_laptop(manifests: Manifests) -> None:
    assert files(manifests)["batching.config"] == batching_config(BatchingParameters())


def test_metrics_are_where_they_are_on_a_laptop(manifests: Manifests) -> None:
    monitoring = files(manifests)["monitoring.config"]
    assert "enable: true" in monitoring
    assert f'path: "{PATH}"' in monitoring


def test_the_flags_are_those_of_a_local_start_and_name_files_that_are_mounted(
    manifests: Manifests,
) -> None:
    container = manifests.pod("tensorflow-serving").main
    given = dict(_flag(argument) for argument in container["args"])
    local = dict(_flag(item) for item in arguments(served(manifests), Path(CONFIGURATION)))
    assert given.items() <= local.items()
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert mounts[CONFIGURATION] == "config"
    named = {Path(value).name for value in given.values() if value.startswith(CONFIGURATION)}
    assert named == files(manifests).keys()


def test_probes_tell_a_loaded_model_from_one_that_is_gone(
    production: Manifests, tmp_path: Path
) -> None:
    version = publish_toy_model(tmp_path)
    with model_server(tmp_path, tmp_path / "log", "--poll-seconds", "0.2") as environment:
        url = environment["LOOKALIKE_MODEL_SERVER_REST"]

        def answer(name: str) -> int | None:
            return status(f"{url}{probe(production, name)}")

        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert answer(name) == 200
        shutil.rmtree(tmp_path / "models" / "embedder" / str(version))
        until(lambda: answer("readinessProbe") == 404, what="unreadiness")
        assert answer("livenessProbe") == 200


def test_a_pod_is_ready_with_all_that_its_sidecar_brought(manifests: Manifests) -> None:
    pod = manifests.pod("tensorflow-serving")
    sidecar = pod.containers[0]
    flags = dict(_flag(word) for word in sidecar["args"][2:])
    assert flags["--server"] == f"http://127.0.0.1:{pod.ports['rest']}"
    probe = sidecar["readinessProbe"]["exec"]["command"]
    assert probe == ["test", "-e", flags["--mark"]]
    # Where it can be written, and goes with the pod.
    folder = str(Path(flags["--mark"]).parent)
    (mount,) = [one for one in sidecar["volumeMounts"] if one["mountPath"] == folder]
    assert {"name": mount["name"], "emptyDir": {"sizeLimit": "1Gi"}} in pod.spec["volumes"]


def test_requests_of_reindex_fit_into_a_batch() -> None:
    assert BatchingParameters().max_batch_size >= ExtractionSettings().batch


def _without_comments(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def _flag(argument: str) -> tuple[str, str]:
    name, _, value = argument.partition("=")
    return name, value or "true"
