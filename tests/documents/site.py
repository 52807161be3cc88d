"""A folder in which the documents' commands run: the project, a few pictures, free ports."""

import os
import re
import shutil
import signal
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import cv2

from demo.processes import free_port
from tests.documents.reading import ROOT
from tests.documents.rules import RULES, Rule, rule_for
from tests.pictures import write_pictures
from tests.search_api.far_host import write_certificate
from tests.services import status, until

SECONDS, LONG_SECONDS = 580, 1780  # of the 600 and 1,800 that a test has
# What a `make test` hands on to the tests, and what is set for the person who runs them.
OTHERS = ("LOOKALIKE_", "MAKE", "ARGS", "PICTURES", "PICTURE", "VALIDATION", "VENV")
REFUSED = re.compile(r"\bwas refused|connection refused")
# A configuration that names a cluster at a port where nobody listens.
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: nowhere
clusters: [{name: nowhere, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
users: [{name: nobody, user: {token: none}}]
"""


class Site:
    """Runs commands of the documents, each once, after those that they need.

    Args:
        folder: an empty one.
        cache: the user's own, for the weights.
    """

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.names = _addresses()
        self._done: set[str] = set()
        self._servers: list[subprocess.Popen[bytes]] = []
        _lay_out(folder, cache)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(OTHERS)},
            "PATH": f"{folder / '.venv' / 'bin'}:{os.environ['PATH']}",
            "LOOKALIKE_CACHE": str(folder / "cache"),
            "LOOKALIKE_BIND": self.names["bind"],
            "LOOKALIKE_MODEL_SERVER_REST": f"http://{self.names['rest']}",
            "LOOKALIKE_MODEL_SERVER_GRPC": self.names["grpc"],
            "KUBECONFIG": str(folder / "kubeconfig"),
            "KUBECACHEDIR": str(folder / "kube"),
            "toolbox": "toolbox-0",
        }

    def run(self, command: str) -> None:
        """Run a command as its rule says, unless that was done; fail where it fails."""
        if command in self._done:
            return
        rule = rule_for(command, RULES)
        assert rule is not None, f"tests/documents/rules.py doesn't say how to run {command!r}"
        for earlier in rule.after:
            self.run(earlier)
        here = self._here(command, rule)
        if rule.cluster:
            self._lacks_only_a_cluster(here)
        elif rule.serves or here.endswith("&"):
            self._serve(here, rule)
            if not any(command in other.after for other in RULES):
                self._stop(self._servers.pop())  # it'd only take the others' time
        else:
            finished = self._shell(here, rule)
            assert finished.returncode == 0, f"{here}\n{finished.stdout}\n{finished.stderr}"
        self._done.add(command)

    def python(self, program: str) -> None:
        """Run an example in Python; what it prints doesn't matter."""
        program = program.replace("127.0.0.1:8080", self.names["bind"])
        finished = self._shell(f"python - <<'END'\n{program}\nEND", Rule(pattern=""))
        assert finished.returncode == 0, f"{program}\n{finished.stderr}"

    def close(self) -> None:
        """Stop the servers, the last one first."""
        while self._servers:
            self._stop(self._servers.pop())

    @staticmethod
    def _stop(server: subprocess.Popen[bytes]) -> None:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)

    def _here(self, command: str, rule: Rule) -> str:
        if rule.instead is not None:
            found = re.fullmatch(rule.pattern, command)
            assert found is not None
            return found.expand(rule.instead.format(**self.names))
        for text, here in rule.replace.items():
            command = command.replace(text, here.format(**self.names))
        return command

    def _shell(self, command: str, rule: Rule) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self._environment(rule),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONG_SECONDS if rule.long else SECONDS,
        )

    def _serve(self, command: str, rule: Rule) -> None:
        log = self.folder / f"server-{len(self._done)}.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                ["bash", "-c", command.removesuffix("&")],
                cwd=self.folder,
                env=self._environment(rule),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._servers.append(server)

        def up() -> bool:
            assert server.poll() is None, log.read_text()
            return rule.serves is None or status(rule.serves.format(**self.names)) == 200

        until(up, what=command)

    @cached_property
    def _rendered(self) -> str:
        return self._shell("kubectl kustomize k8s/overlays/local", Rule(pattern="")).stdout

    def _lacks_only_a_cluster(self, command: str) -> None:
        outer = command.removesuffix("&")
        finished = self._shell(outer, Rule(pattern=""))
        assert finished.returncode != 0, f"{outer} talks to a cluster that isn't there?"
        assert REFUSED.search(finished.stderr), f"{outer}\n{finished.stderr}"
        rendered = self._rendered
        for kind, name in re.findall(r"\b(deployment|cronjob|service)/([\w-]+)", outer):
            pattern = rf"^kind: {kind}\nmetadata:\n(  .*\n)*?  name: {name}$"
            assert re.search(pattern, rendered, re.I | re.M), f"{outer}: no {kind} {name}"
        for label, value in re.findall(r" -l (\S+)=(\S+)", outer):
            assert f"{label}: {value}\n" in rendered, f"{outer}: nothing is labelled so"

    def _environment(self, rule: Rule) -> dict[str, str]:
        more = {name: value.format(**self.names) for name, value in rule.environment.items()}
        return {**self.environment, **more}


def _addresses() -> dict[str, str]:
    supervised = ("supervised_bind", "supervised_rest", "supervised_grpc")
    alone = ("keyed_bind", "traced_bind", "fetching_bind")
    servers = ("bind", "rest", "grpc", *alone, *supervised)
    names = {server: f"127.0.0.1:{free_port(0)}" for server in servers}
    return {**names, "toy_port": str(free_port(0)), "pages_port": str(free_port(0))}


def _lay_out(folder: Path, cache: Path) -> None:
    """Link the project into the folder, and put the files there that the documents name."""
    for path in ROOT.iterdir():
        if path.name not in {".venv", "store", "build", ".git"}:
            (folder / path.name).symlink_to(path)
    # Whatever Python runs the tests, make finds its .venv made.
    (folder / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        if path.name != ".installed":
            (folder / ".venv" / path.name).symlink_to(path)
    (folder / ".venv" / ".installed").touch()
    (folder / "cache").mkdir()
    (folder / "cache" / "weights").symlink_to(cache / "weights")
    for seed, name in enumerate(("photos", "other-photos", "pictures")):
        write_pictures(folder / name, labels=2, each=5, seed=seed)
    (folder / "pictures" / "label-0" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    photo = cv2.imread(str(folder / "photos" / "label-0" / "0.jpg"))
    for name in ("photo.jpg", "picture.jpg"):
        cv2.imwrite(str(folder / name), photo)
    (folder / "kubeconfig").write_text(KUBECONFIG)
    (folder / "keys.txt").touch()  # what a Secret is made of; a key is added by another command
    (folder / "credentials.env").write_text("AWS_ACCESS_KEY_ID=nobody\n")
    certificate = write_certificate(folder / "tls.crt", "lookalike.example.com")
    shutil.copy(certificate, folder / "tls.key")  # it holds both
