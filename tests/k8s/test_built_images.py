"""Both images, built by buildah and started as their pods start them: minutes, and several GB.

Each program runs as the pods' user, without capabilities, in the image's own files on a root that
cannot be written to; only /srv and /dev/shm can, and /tmp where the jobs have it.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from k8s.build_images import MEGABYTE, Given, commands, compressed_size, size
from tests.k8s.base_image import make_base, run
from tests.k8s.test_images import DOCKERFILES, VERSION
from tests.ports import free_port
from tests.services import until

TOOLS = ("buildah", "debootstrap", "unshare")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(bool(MISSING), reason=f"there is no {', '.join(MISSING)} to build with"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a base image and mounts take root"),
]
BASE = "localhost/stand-in-for-python:3.11"
DATE = 1_700_000_000
# A build sees the network, the certificates and the package sources of this machine.
FROM_HERE = [Path("/etc/pip.conf"), Path("/etc/ssl/certs")]
NETWORK = ["--network", "host"] + [
    word for path in FROM_HERE if path.exists() for word in ("--volume", f"{path}:{path}:ro")
]
CONTAINER = """
root=$1 srv=$2 tmp=$3; shift 3
mount --bind $root $root
mount -t proc proc $root/proc
mount --rbind /dev $root/dev
mount -t tmpfs -o mode=1777 tmpfs $root/dev/shm
mount --bind $srv $root/srv
test -z "$tmp" || mount -t tmpfs -o mode=1777 tmpfs $root/tmp
mount -o remount,bind,ro $root
exec chroot $root setpriv --reuid 65532 --regid 65532 --clear-groups --bounding-set=-all \
    --inh-caps=-all --no-new-privs "$@"
"""


class Image:
    """A built image, mounted, and what it sets for its programs."""

    def __init__(self, tag: str, volume: Path) -> None:
        self.tag = tag
        self.volume = volume
        container = run("buildah", "from", tag)
        self._root = run("buildah", "mount", container)
        self.config = json.loads(run("buildah", "inspect", container))["OCIv1"]["config"]

    def command(self, arguments: Sequence[str], *, tmp: bool) -> list[str]:
        """Spell what runs a program of the image."""
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", CONTAINER, "sh"]
        return [*words, self._root, str(self.volume), "tmp" if tmp else "", *arguments]

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        return dict(item.split("=", 1) for item in self.config["Env"]) | dict(given)

    def run(self, *arguments: str, tmp: bool = False, **given: str) -> str:
        """Run a program of the image to its end and give what it says."""
        finished = subprocess.run(
            self.command(arguments, tmp=tmp),
            env=self.environment(given),
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr[-3000:]
        return finished.stdout


def build(name: str, tag: str) -> str:
    """Build an image from nothing that was built before; give its ID."""
    given = Given(BASE, DATE, ["--no-cache", *NETWORK])
    for command in commands("buildah", DOCKERFILES[name], tag, given, push=False):
        run(*command)
    return run("buildah", "images", "--quiet", "--no-trunc", tag)


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """The stand-in, in a storage of its own that is removed."""
    folder = Path(tempfile.mkdtemp(prefix="images-", dir="/var/tmp"))
    storage = folder / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_STORAGE_CONF", str(storage))
        patch.setenv("BUILDAH_ISOLATION", "chroot")
        patch.delenv("STORAGE_DRIVER", raising=False)
        try:
            make_base(folder / "base", BASE)
            yield folder
        finally:
            run("buildah", "rm", "--all")
            run("buildah", "rmi", "--all", "--force")
            shutil.rmtree(folder)


@contextmanager
def image(base: Path, name: str) -> Iterator[Image]:
    tag = f"localhost/lookalike/{name}:{VERSION}"
    build(name, tag)
    volume = base / name
    volume.mkdir()
    volume.chmod(0o777)
    yield Image(tag, volume)


@pytest.fixture(scope="module")
def service(base: Path) -> Iterator[Image]:
    with image(base, "search-api") as built:
        yield built


@pytest.fixture(scope="module")
def jobs(base: Path) -> Iterator[Image]:
    with image(base, "jobs") as built:
        yield built


def test_two_builds_of_one_tree_are_the_same_image(service: Image) -> None:
    first = run("buildah", "images", "--quiet", "--no-trunc", service.tag)
    assert build("search-api", "localhost/again") == first


def test_the_service_has_neither_tensorflow_nor_pip(service: Image) -> None:
    script = "import importlib.util as i, sys; print([n for n in sys.argv[1:] if i.find_spec(n)])"
    names = ("tensorflow", "keras", "pyarrow", "pip", "setuptools", "numpy")
    assert service.run("python", "-c", script, *names) == "['numpy']\n"


def test_sizes_are_measured(service: Image) -> None:
    whole = size("buildah", service.tag).split()
    assert whole[1] == "MB"
    assert 0 < compressed_size("buildah", service.tag) < float(whole[0]) * MEGABYTE


def test_nothing_but_volumes_can_be_written_to(service: Image) -> None:
    script = 'id -u; for f in /opt/lookalike /tmp /etc /srv; do test ! -w $f || echo "$f"; done'
    assert service.run("sh", "-c", script).split() == ["65532", "/srv"]


def test_the_service_answers_on_a_read_only_root(service: Image) -> None:
    address = f"127.0.0.1:{free_port()}"
    given = {"LOOKALIKE_STORE": "/srv/store", "LOOKALIKE_CACHE": "/srv/cache"}
    given |= {"LOOKALIKE_API_KEYS": "off", "LOOKALIKE_BIND": address}
    log = service.volume.parent / "service.log"
    with log.open("wb") as output:
        started = subprocess.Popen(
            service.command(["lookalike", "serve"], tmp=False),
            env=service.environment(given),
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: _status(f"http://{address}/healthz") == 200, 60, "an answer")
        assert _status(f"http://{address}/readyz") == 503
    finally:
        started.terminate()
        assert started.wait(30) == 0, log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_store_on_s3_finds_what_it_needs_of_amazon_s_services(service: Image) -> None:
    services = ["s3", "sts", "sso", "sso-oidc", "signin"]
    script = (
        "import botocore.session, sys\n"
        "session = botocore.session.get_session()\n"
        "for name in sys.argv[1:]:\n"
        "    client = session.create_client(name, region_name='eu-west-1', "
        "aws_access_key_id='a', aws_secret_access_key='b')\n"
        "    print(client.meta.endpoint_url)\n"
    )
    assert len(service.run("python", "-c", script, *services).split()) == len(services)
    loaded = "import s3fs, gcsfs; print(s3fs.S3FileSystem.protocol)"
    assert "s3" in service.run("python", "-c", loaded)


@pytest.mark.parametrize("command", [[], ["serve"], ["search"]])
def test_the_service_s_commands_explain_themselves(service: Image, command: list[str]) -> None:
    assert "Usage:" in service.run("lookalike", *command, "--help")


@pytest.mark.parametrize(
    "command", [[], ["train"], ["export-model"], ["reindex"], ["sync-models"], ["index"]]
)
def test_the_jobs_commands_explain_themselves(jobs: Image, command: list[str]) -> None:
    assert "Usage:" in jobs.run("lookalike", *command, "--help")


def test_the_jobs_train_and_export_on_the_samples_inside(jobs: Image) -> None:
    given = {"LOOKALIKE_STORE": "/srv/store", "LOOKALIKE_CACHE": "/srv/cache"}
    quick = ["--size", "32", "--views", "0", "--epochs", "2"]
    jobs.run("lookalike", "train", "/opt/samples/pictures", *quick, tmp=True, **given)
    jobs.run("lookalike", "export-model", tmp=True, **given)
    assert list(jobs.volume.glob("store/models/*/1/saved_model.pb"))


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_an_image_says_of_itself(name: str, request: pytest.FixtureRequest) -> None:
    built: Image = request.getfixturevalue("service" if name == "search-api" else name)
    assert built.config["User"] == "65532:65532"
    assert built.config["Entrypoint"] == ["lookalike"]
    assert built.config["Labels"]["org.opencontainers.image.version"] == VERSION


def _status(url: str) -> int:
    try:
        return requests.get(url, timeout=5).status_code
    except requests.ConnectionError:
        return 0
