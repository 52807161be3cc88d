"""Programs of Debian's packages without an installation: unpacked into the user's cache.

The package, and those that it needs and the machine lacks, are downloaded as any user may, and
unpacked; nothing is installed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from lookalike.store.files import exclusive

ROOT_USER = 0


def unpacked(package: str, cache: Path, works: Callable[[Path], bool]) -> Path:
    """Give the folder where a package was unpacked as into ``/``, by now or before.

    Args:
        package: its name.
        cache: where it is kept.
        works: tells whether what is in that folder runs here; it is fetched anew otherwise.
    """
    folder = cache / package
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "root"
    with exclusive(folder / ".lock"):
        if not root.is_dir() or not works(root):
            _fetch(package, root)
    assert works(root), f"what was unpacked into {root} does not run on this machine"
    return root


def libraries(root: Path) -> dict[str, str]:
    """Give the variable by which programs of such a folder find its libraries."""
    folders = sorted({str(path.parent) for path in root.rglob("*.so*")})
    return {"LD_LIBRARY_PATH": ":".join(folders)}


def _fetch(package: str, root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as name:
        scratch = Path(name)
        try:
            _download(package, scratch)
        except subprocess.CalledProcessError:
            if os.geteuid() != ROOT_USER:
                raise
            # A bare machine has no lists of packages, or old ones.
            _run(["apt-get", "update"], scratch)
            _download(package, scratch)
        for path in scratch.glob("*.deb"):
            _run(["dpkg-deb", "-x", str(path), "root"], scratch)
        (scratch / "root").rename(root)


def _download(package: str, folder: Path) -> None:
    """Download the package, and of those that it needs the ones that are not installed."""
    simulated = subprocess.run(
        ["apt-get", "install", "--simulate", "--no-install-recommends", package],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line.split() for line in simulated.stdout.splitlines())
    missing = [words[1] for words in lines if words[:1] == ["Inst"]]
    _run(["apt-get", "download", *missing], folder)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, stdout=sys.stderr, check=True)
