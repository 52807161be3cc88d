"""Pictures out of Debian's packages, as an ordinary user: unpacked, and not installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lookalike.errors import SourceUnavailable
from lookalike.progress import working

ROOT_USER = 0


def unpack_package(name: str, folder: Path) -> None:
    """Download a package and lay its files out below a folder.

    A bare machine has no lists of packages: they are refreshed once, where root may.

    Raises:
        SourceUnavailable: there is no package client, or it fails; says how.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise SourceUnavailable(f"the pictures of {name} need apt-get and dpkg-deb")
    download = ["apt-get", "download", name]
    try:
        _run(download, folder)
    except SourceUnavailable:
        if os.geteuid() != ROOT_USER:
            raise
        _run(["apt-get", "update"], folder)
        _run(download, folder)
    with working("unpacking the sample pictures"):
        _run(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), "."], folder)


def _run(command: list[str], folder: Path) -> None:
    # The package client's own progress goes where ours does.
    finished = subprocess.run(
        command, cwd=folder, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False
    )
    if finished.returncode:
        reason = finished.stderr.strip().splitlines()[-1:] or ["no message"]
        raise SourceUnavailable(f"'{' '.join(command)}' failed: {reason[0]}")
