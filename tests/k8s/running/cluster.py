"""What controllers do with the manifests: pods of Deployments and Jobs, Services, claims."""

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import MappingProxyType

from tests.k8s.manifests import Manifests, Object, Pod, selects
from tests.k8s.running.container import User
from tests.k8s.running.network import Address, Forwarder, new_address
from tests.k8s.running.pod import RunningPod

DOMAIN = "lookalike.svc.cluster.local"


class Cluster:
    """The objects of one rendering, running.

    Args:
        manifests: as kubectl would apply them.
        folder: for claims, volumes and logs.

    Attributes:
        pods: those that run, by Deployment.
    """

    def __init__(self, manifests: Manifests, folder: Path) -> None:
        self.manifests, self._folder = manifests, folder
        self._claims, self._hosts, self._numbers = folder / "claims", folder / "hosts", count()
        self.pods: dict[str, list[RunningPod]] = {}
        self._changing = threading.Lock()
        for claim in manifests.of_kind("PersistentVolumeClaim"):
            self.claim(claim["metadata"]["name"]).mkdir(parents=True)
        self.hand_over(self._claims)
        services = manifests.of_kind("Service")
        self._addresses = {
            service["metadata"]["name"]: new_address()
            for service in services
            if service["spec"].get("clusterIP") != "None"
        }
        self._write_hosts()
        self._forwarders = [
            Forwarder(self.address(service["metadata"]["name"], port["port"]), backends)
            for service in services
            if service["metadata"]["name"] in self._addresses
            for port in service["spec"]["ports"]
            for backends in [self._backends(service, port["targetPort"])]
        ]

    def claim(self, name: str) -> Path:
        """Give the folder that a claim is."""
        return self._claims / name

    def hand_over(self, folder: Path) -> None:
        """Make a folder, and what is in it, the pods' user's, as a volume has to be for them.

        One that ignores fsGroup, such as NFS: what root makes there stays root's.
        """
        (owner,) = {User.of(pod.spec["securityContext"]) for pod in self.manifests.pods()}
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner.user, owner.group)

    def address(self, service: str, port: int) -> Address:
        """Tell where a Service listens."""
        return self._addresses[service], port

    def apply(self, *deployments: str) -> None:
        """Start the pods of Deployments, as many as they say."""
        for name in deployments:
            replicas = self.manifests.named("Deployment", name)["spec"].get("replicas", 1)
            for _ in range(replicas):
                self.add(name)

    def add(
        self, deployment: str, variables: Mapping[str, str] = MappingProxyType({})
    ) -> RunningPod:
        """Start one more pod of a Deployment, with variables of its own where some are given."""
        made = self._pod(self.manifests.pod(deployment), variables)
        self.pods.setdefault(deployment, []).append(made)
        self._write_hosts()
        made.watch()
        return made

    def remove(self, pod: RunningPod) -> dict[str, int]:
        """End a pod of a Deployment; Services know it no more from that moment."""
        self.pods[pod.pod.name].remove(pod)
        self._write_hosts()
        return pod.stop()

    def run_job(self, name: str, seconds: float = 120.0) -> str:
        """Run the pods of ``kubectl create job --from=cronjob/name`` until all have ended.

        Gives what they wrote.

        Raises:
            AssertionError: one ended with another status than 0; its log tells why.
        """
        job = self.manifests.job(name)
        indexed = job.get("completionMode") == "Indexed"
        indices = range(job["completions"]) if indexed else [None]
        pods = [
            self._pod(
                self.manifests.pod(name),
                {} if index is None else {"JOB_COMPLETION_INDEX": str(index)},
            )
            for index in indices
        ]
        for pod in pods:
            status = pod.wait(seconds)
            assert status == 0, f"{name} ended with {status}: {pod.log(name)}"
        return "".join(pod.log(name) for pod in pods)

    def close(self) -> None:
        """End everything."""
        for pod in [pod for pods in self.pods.values() for pod in pods]:
            for one in pod.containers:
                with suppress(ProcessLookupError):
                    one.process.kill()
            pod.stop()
        for forwarder in self._forwarders:
            forwarder.close()

    def _pod(self, pod: Pod, variables: Mapping[str, str] = MappingProxyType({})) -> RunningPod:
        folder = self._folder / "pods" / f"{pod.name}-{next(self._numbers)}"
        folder.mkdir(parents=True)
        return RunningPod(self.manifests, pod, folder, self._claims, self._hosts, variables)

    def _selected(self, service: Object) -> list[RunningPod]:
        selector = {"matchLabels": service["spec"]["selector"]}
        running = [pod for pods in self.pods.values() for pod in pods]
        return [pod for pod in running if selects(selector, pod.pod.labels)]

    def _backends(self, service: Object, target: str) -> "_Ready":
        return _Ready(self, service, target)

    def _write_hosts(self) -> None:
        """Write the names of Services, in place: pods have this very file mounted."""
        lines = ["127.0.0.1 localhost"]
        for service in self.manifests.of_kind("Service"):
            name = service["metadata"]["name"]
            own = self._addresses.get(name)
            # Headless: every pod's own address, ready or not, which clients find out.
            found = [own] if own else [pod.address for pod in self._selected(service)]
            lines += [f"{address} {name} {name}.{DOMAIN}" for address in found]
        with self._changing:
            self._hosts.write_text("\n".join(lines) + "\n")


class _Ready:
    """The pods of a Service that are ready, by the port that it leads to."""

    def __init__(self, cluster: Cluster, service: Object, target: str) -> None:
        self._cluster, self._service, self._target = cluster, service, target

    def __call__(self) -> Sequence[Address]:
        pods = self._cluster._selected(self._service)
        return [(pod.address, pod.pod.ports[self._target]) for pod in pods if pod.ready]
