"""One container of a pod, started as a process with what its manifest gives it."""

import math
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.k8s.manifests import Manifests, Object, quantity

ROOT = Path(__file__).parents[3]
REFERENCE = re.compile(r"\$\((\w+)\)")
IMAGES = {path.stem: path for path in (ROOT / "k8s" / "images").glob("*.Dockerfile")}
# What an image puts first on the path; TensorFlow Serving's stand-in lies in the second.
PROGRAMS = (Path(sys.executable).parent, Path(__file__).with_name("bin"))
UNSHARED = ("unshare", "--mount", "--propagation", "private")
READING = "+dac_read_search"
EVERYWHERE = "0.0.0.0"  # noqa: S104  what manifests say
# A pod's containers share it; here it is the pod's own address.
ITSELF = "127.0.0.1"


class User(NamedTuple):
    """Who a container runs as, by number, whoever runs the tests."""

    user: int
    group: int
    more: int

    @classmethod
    def of(cls, context: Object) -> "User":
        """Read a pod's security context."""
        return cls(context["runAsUser"], context["runAsGroup"], context["fsGroup"])

    @property
    def becoming(self) -> list[str]:
        """Spell what starts a program as this user.

        With one capability, to read: this installation may lie in root's home. What it may write
        is looked at as in a cluster.
        """
        ids = [f"--reuid={self.user}", f"--regid={self.group}", f"--groups={self.more}"]
        kinds = ("--inh-caps", "--ambient-caps", "--bounding-set")
        return ["setpriv", *ids, *(f"{kind}=-all,{READING}" for kind in kinds), "--no-new-privs"]


class Mount(NamedTuple):
    """A folder that a container sees, and where."""

    source: Path
    target: str
    read_only: bool


def environment(manifests: Manifests, container: Object, address: str) -> dict[str, str]:
    """Give the variables of a container, the image's among them.

    Args:
        manifests: with the ConfigMaps.
        container: as the manifest has it.
        address: of the pod.
    """
    # What a runtime says of a user whom the image does not know.
    found = {"HOME": "/", **_of_image(container["image"]), "POD_IP": address}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            found |= manifests.named("ConfigMap", source["configMapRef"]["name"])["data"]
        else:
            assert source["secretRef"]["optional"], "no Secret is there"
    for variable in container.get("env", []):
        found[variable["name"]] = _value(variable, container, found)
    return {name: value.replace(EVERYWHERE, address) for name, value in found.items()}


def command(container: Object, variables: Mapping[str, str]) -> list[str]:
    """Give what the container runs, with its references filled in."""
    words = [*container["command"], *container.get("args", [])]
    filled = [REFERENCE.sub(lambda m: variables.get(m[1], m[0]), word) for word in words]
    return [word.replace(ITSELF, variables["POD_IP"]) for word in filled]


def start(
    arguments: Sequence[str],
    variables: Mapping[str, str],
    mounts: Sequence[Mount],
    hosts: Path,
    log: Path,
    user: User,
) -> "subprocess.Popen[bytes]":
    """Start a user's process that sees the mounts, the names, and a root that is read-only."""
    script = "\n".join([*_script(mounts, hosts, log.with_suffix(".etc")), 'exec "$@"'])
    with log.open("ab") as output:
        return subprocess.Popen(
            [*UNSHARED, "sh", "-ec", script, "sh", *user.becoming, *arguments],
            env=dict(variables),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def _script(mounts: Sequence[Mount], hosts: Path, scratch: Path) -> list[str]:
    upper, work = scratch / "upper", scratch / "work"
    lines = [
        f"mkdir -p {upper} {work}",
        f"mount -t overlay overlay -o lowerdir=/etc,upperdir={upper},workdir={work} /etc",
        f"mount --bind {hosts} /etc/hosts",
        "mount -t tmpfs tmpfs /srv",
    ]
    # What lies within another comes after it; /tmp comes last, since it hides all that is below.
    for mount in sorted(mounts, key=lambda one: (one.target == "/tmp", one.target)):  # noqa: S108
        lines += [f"mkdir -p {mount.target}", f"mount --bind {mount.source} {mount.target}"]
        if mount.read_only:
            lines.append(f"mount -o remount,bind,ro {mount.target}")
    return [*lines, "mount -o remount,bind,ro /"]


def _of_image(image: str) -> dict[str, str]:
    """Read the variables of the image: of its Dockerfile's last stage, where it is ours."""
    variables = {"PATH": ":".join([*map(str, PROGRAMS), "/usr/bin:/bin"])}
    dockerfile = IMAGES.get(image.rpartition("/")[2].partition(":")[0])
    if dockerfile is not None:
        last = dockerfile.read_text().replace("\\\n", " ").rpartition("\nFROM ")[2]
        for line in re.findall(r"^ENV (.*)$", last, re.MULTILINE):
            given = dict(word.split("=", 1) for word in line.split())
            variables |= {name: value for name, value in given.items() if name != "PATH"}
    return variables


def _value(variable: Object, container: Object, known: Mapping[str, str]) -> str:
    if "value" in variable:
        return REFERENCE.sub(lambda match: known.get(match[1], match[0]), variable["value"])
    kind, _, resource = variable["valueFrom"]["resourceFieldRef"]["resource"].partition(".")
    return str(math.ceil(quantity(container["resources"][kind][resource])))
