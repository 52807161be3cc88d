"""What a manifest starts, sets and probes exists in the programs."""

import re
from itertools import chain

import click
import pytest

from lookalike.cli import lookalike
from lookalike.settings import PREFIX, Settings
from search_api.app import bare_app
from tests.k8s.manifests import Manifests, Object, Pod

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
REFERENCE = re.compile(r"\$\((\w+)\)")


def environment(manifests: Manifests, pod: Pod, cpus: str = "2") -> dict[str, str]:
    """Give a container's variables; those that take over the limit of cores get ``cpus``."""
    container = pod.main
    variables = manifests.settings(pod)
    for variable in container.get("env", []):
        source = variable.get("valueFrom")
        if source is not None:
            assert source == {"resourceFieldRef": {"resource": "limits.cpu"}}
        variables[variable["name"]] = cpus if source else variable["value"]
    return variables


def subcommand(arguments: list[str]) -> tuple[click.Command, list[str]]:
    """Find the command that some arguments start, a group's too, and give what is left of them."""
    found: click.Command | None = lookalike
    rest = list(arguments)
    while isinstance(found, click.Group):
        found = found.get_command(click.Context(found), rest.pop(0))
    assert found is not None
    return found, rest


def our_containers(manifests: Manifests) -> list[Object]:
    containers = chain.from_iterable(pod.containers for pod in manifests.pods())
    return [container for container in containers if container["command"] == ["lookalike"]]


def test_every_lookalike_variable_is_a_setting_with_a_value_that_it_takes(
    manifests: Manifests,
) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.__struct_fields__}
    for pod in manifests.pods():
        variables = environment(manifests, pod)
        assert {name for name in variables if name.startswith(PREFIX)} <= known
        Settings.from_environment(variables)


def test_our_containers_run_commands_with_flags_that_exist(manifests: Manifests) -> None:
    assert {container["name"] for container in our_containers(manifests)} >= {
        "search-api",
        "sync-models",
        "reindex",
        "prune",
        "extract",
        "build",
        "train",
        "export-model",
        "rollback",
        "verify",
    }
    for container in our_containers(manifests):
        command, given = subcommand(container["args"])
        # As they would be read, but for what is filled in by Kubernetes.
        command.make_context(command.name, [re.sub(REFERENCE, "2", one) for one in given])


def test_arguments_refer_to_variables_that_are_set(manifests: Manifests) -> None:
    for pod in manifests.pods():
        container = pod.main
        referred = set(REFERENCE.findall(" ".join(container.get("args", []))))
        assert referred <= environment(manifests, pod).keys()


def test_reindex_reads_the_pictures_claim_and_cannot_write_to_it(manifests: Manifests) -> None:
    container = manifests.pod("reindex").main
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    pictures = mounts[container["args"][1]]
    assert pictures["name"] == "pictures"
    assert pictures["readOnly"] is True


def test_the_store_and_the_cache_are_volumes_where_the_settings_say(manifests: Manifests) -> None:
    for pod in manifests.pods():
        container = pod.main
        if not container.get("envFrom"):
            continue
        settings = Settings.from_environment(environment(manifests, pod))
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert manifests.in_a_bucket or mounts[settings.store] == "store"
        assert mounts[settings.cache] == "cache"


def test_search_api_listens_on_its_container_port_for_everyone(manifests: Manifests) -> None:
    pod = manifests.pod("search-api")
    settings = Settings.from_environment(environment(manifests, pod))
    assert settings.bind == f"0.0.0.0:{pod.ports['http']}"


@pytest.mark.parametrize(
    ("probe", "path"),
    [("startupProbe", "/healthz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")],
)
def test_search_api_answers_the_paths_that_are_probed(
    manifests: Manifests, probe: str, path: str
) -> None:
    container = manifests.pod("search-api").main
    assert container[probe]["httpGet"]["path"] == path
    assert path in {rule.rule for rule in bare_app().url_map.iter_rules()}


def test_probes_name_ports_that_their_container_opens(manifests: Manifests) -> None:
    for name in ("search-api", "tensorflow-serving"):
        pod = manifests.pod(name)
        container = pod.main
        for probe in PROBES:
            assert container[probe]["httpGet"]["port"] in pod.ports


def test_what_pods_refer_to_exists(manifests: Manifests) -> None:
    for pod in manifests.pods():
        volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
        mounted = {mount["name"] for item in pod.containers for mount in item["volumeMounts"]}
        assert mounted == volumes.keys()
        for volume in volumes.values():
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                manifests.named("PersistentVolumeClaim", claim)
            if "configMap" in volume:
                manifests.named("ConfigMap", volume["configMap"]["name"])


def test_configuration_carries_a_hash_so_that_a_change_rolls_the_pods(
    manifests: Manifests,
) -> None:
    names = {item["metadata"]["name"] for item in manifests.of_kind("ConfigMap")}
    names -= {"lookalike-dashboard"}  # which no pod of ours reads
    assert len(names) == 2
    assert all(re.fullmatch(r"(settings|tensorflow-serving)-[a-z0-9]{10}", name) for name in names)
