"""A pod, as the kubelet runs it: its containers in order, their probes, its end."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from tests.k8s.manifests import Manifests, Object, Pod
from tests.k8s.running import container as containers
from tests.k8s.running.container import Mount, User
from tests.k8s.running.network import new_address

# A probe's period, and the pause before another start, take so much less here.
FASTER = 0.1
LOOK_SECONDS = 0.05


class RunningContainer:
    """A container of a pod, and what its probes say.

    Attributes:
        restarts: how often it was started again.
        ready: whether it may be sent requests.
        process: of its last start.
    """

    def __init__(self, pod: "RunningPod", spec: Object) -> None:
        self.spec, self._pod = spec, pod
        self.restarts, self.ready, self._started = 0, False, False
        self.process: subprocess.Popen[bytes] = pod.start(spec)
        self._failures: dict[str, int] = {}
        self._due: dict[str, float] = {}

    @property
    def sidecar(self) -> bool:
        """Whether it is an init container that goes on."""
        return self.spec.get("restartPolicy") == "Always"

    def look(self) -> None:
        """Start it again where it ended, and probe it where a probe is due."""
        if self.process.poll() is not None:
            self._again()
            return
        if not self._started:
            self._started = self._passes("startupProbe")
            return
        self.ready = self._passes("readinessProbe")
        if not self._passes("livenessProbe"):
            self.process.kill()

    def stop(self, until: float) -> int:
        """End it as the kubelet does; give its exit status, negative where it was killed."""
        hook = self.spec.get("lifecycle", {}).get("preStop", {}).get("sleep")
        if hook is not None:
            time.sleep(hook["seconds"] * FASTER)
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _again(self) -> None:
        self.ready = self._started = False
        self._failures, self._due = {}, {}
        self.restarts += 1
        time.sleep(10 * FASTER)
        self.process = self._pod.start(self.spec)

    def _passes(self, name: str) -> bool:
        """Give what a probe says: as before until so many times in a row say otherwise."""
        probe = self.spec.get(name)
        if probe is None:
            return True
        passed = {"readinessProbe": self.ready, "livenessProbe": True}.get(name, False)
        now = time.monotonic()
        if now < self._due.get(name, 0.0):
            return passed
        self._due[name] = now + probe.get("periodSeconds", 10) * FASTER
        if self._answers(probe):
            self._failures[name] = 0
            return True
        self._failures[name] = self._failures.get(name, 0) + 1
        if self._failures[name] < probe.get("failureThreshold", 3):
            return passed
        if name == "startupProbe":
            self.process.kill()
        return False

    def _answers(self, probe: Object) -> bool:
        if "exec" in probe:
            inside = ["nsenter", "--mount", "--target", str(self.process.pid)]
            return subprocess.run([*inside, *probe["exec"]["command"]], check=False).returncode == 0
        ask = probe["httpGet"]
        ports = {port["name"]: port["containerPort"] for port in self.spec["ports"]}
        port = ports[ask["port"]] if isinstance(ask["port"], str) else ask["port"]
        url = f"http://{self._pod.address}:{port}{ask['path']}"
        try:
            status = requests.get(url, timeout=probe.get("timeoutSeconds", 1)).status_code
        except requests.RequestException:
            return False
        return 200 <= status < 400


class RunningPod:
    """A pod on an address of its own, with fresh folders for its empty volumes.

    Args:
        manifests: with the ConfigMaps that it refers to.
        pod: as the manifest has it.
        folder: for its volumes and logs.
        claims: folder of the claims' folders.
        hosts: file of the names that it can resolve.
        variables: that its controller gives it.
    """

    def __init__(
        self,
        manifests: Manifests,
        pod: Pod,
        folder: Path,
        claims: Path,
        hosts: Path,
        variables: Mapping[str, str],
    ) -> None:
        self.pod, self.address, self.folder = pod, new_address(), folder
        self._variables, self._user = variables, User.of(pod.spec["securityContext"])
        self._manifests, self._claims, self._hosts = manifests, claims, hosts
        self._volumes = {volume["name"]: self._volume(volume) for volume in pod.spec["volumes"]}
        self._stopping = threading.Event()
        self.containers: list[RunningContainer] = []
        for spec in pod.containers:
            self.containers.append(RunningContainer(self, spec))
            if spec in pod.spec.get("initContainers", []) and not self.containers[-1].sidecar:
                assert self.containers.pop().process.wait(300) == 0, self.log(spec["name"])
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    @property
    def ready(self) -> bool:
        """Whether Services may send it requests."""
        return not self._stopping.is_set() and all(one.ready for one in self.containers)

    def container(self, name: str) -> RunningContainer:
        """Give one of its containers."""
        (found,) = [one for one in self.containers if one.spec["name"] == name]
        return found

    def log(self, name: str) -> str:
        """Give what a container wrote."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def watch(self) -> None:
        """Keep it running, as a Deployment's pod."""
        self._watcher.start()

    def wait(self, seconds: float) -> int:
        """Wait until the main container ends, as a Job's pod does; then end the others."""
        status = self.container(self.pod.name).process.wait(seconds)
        self.stop()
        return status

    def stop(self) -> dict[str, int]:
        """End it within its grace; give each container's exit status."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join(30)
        until = time.monotonic() + self.pod.spec.get("terminationGracePeriodSeconds", 30)
        # Sidecars end last.
        order = sorted(self.containers, key=lambda one: one.sidecar)
        return {one.spec["name"]: one.stop(until) for one in order}

    def start(self, spec: Object) -> "subprocess.Popen[bytes]":
        """Start one of its containers."""
        variables = containers.environment(self._manifests, spec, self.address)
        variables |= self._variables
        mounts = [self._mount(mount) for mount in spec.get("volumeMounts", [])]
        log = self.folder / f"{spec['name']}.log"
        arguments = containers.command(spec, variables)
        return containers.start(arguments, variables, mounts, self._hosts, log, self._user)

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            for one in self.containers:
                one.look()

    def _mount(self, mount: Object) -> Mount:
        source = self._volumes[mount["name"]] / mount.get("subPath", "")
        source.mkdir(exist_ok=True)  # the kubelet's, and so root's
        return Mount(source, mount["mountPath"], bool(mount.get("readOnly")))

    def _volume(self, volume: Object) -> Path:
        if "persistentVolumeClaim" in volume:
            return self._claims / volume["persistentVolumeClaim"]["claimName"]
        folder = self.folder / "volumes" / volume["name"]
        folder.mkdir(parents=True)
        if "configMap" in volume:
            data: dict[str, Any] = self._manifests.named("ConfigMap", volume["configMap"]["name"])
            for name, text in data["data"].items():
                (folder / name).write_text(text)
        else:
            assert "emptyDir" in volume
            # As the kubelet makes it for the pod's fsGroup.
            os.chown(folder, 0, self._user.more)
            folder.chmod(0o2777)
        return folder
