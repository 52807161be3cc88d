"""A stand-in for the images' base where no registry can be reached: Debian with its own Python.

It has what the Dockerfiles count on: ``python`` on /usr/local/bin with venv and pip's wheel, and
apt-get. Its Python is Debian's, of the same minor version as the base's.
"""

import shutil
import subprocess
from pathlib import Path

SUITE = "bookworm"
PREPARE = """
apt-get install -y --no-install-recommends python3.11-venv
ln -s /usr/bin/python3.11 /usr/local/bin/python
ln -s python /usr/local/bin/python3
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/* \
    /usr/share/locale/*
find / -xdev -name __pycache__ -prune -exec rm -rf {} +
"""


def make_base(folder: Path, tag: str) -> None:
    """Lay out the stand-in in a folder that does not exist, and give it to buildah under a name."""
    with_certificates = ["--variant=minbase", "--include=ca-certificates"]
    run("debootstrap", *with_certificates, SUITE, str(folder))
    shutil.copy("/etc/resolv.conf", folder / "etc" / "resolv.conf")
    run("chroot", str(folder), "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-ec", PREPARE)
    container = run("buildah", "from", "scratch")
    run("buildah", "add", "--quiet", container, str(folder), "/")
    path = "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    run("buildah", "config", "--env", path, "--env", "LANG=C.UTF-8", container)
    run("buildah", "commit", "--quiet", "--rm", container, tag)


def run(*command: str) -> str:
    """Run a program to its end and give what it said; fail with what it complained of."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, f"{command}: {finished.stderr[-3000:]}"
    return finished.stdout.strip()
