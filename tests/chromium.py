"""A real browser without an installation: Debian's Chromium, unpacked into the user's cache.

What is on the PATH is taken first. Else the package and those that it needs and the machine
lacks are downloaded as any user may, and unpacked; nothing is installed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from lookalike.store.files import exclusive

PACKAGE = "chromium"
ON_PATH = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = Path("usr/lib/chromium/chromium")
ROOT_USER = 0
# Fonts of the unpacked packages, beside those that the machine has.
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<dir>{root}/usr/share/fonts</dir><dir>/usr/share/fonts</dir>
<cachedir>{root}/fontconfig</cachedir>
</fontconfig>
"""


class Chromium(NamedTuple):
    """A program, and the variables that it needs beside the usual ones."""

    program: Path
    environment: dict[str, str]

    def version(self) -> str | None:
        """Give what it says of itself; None where it cannot run here."""
        finished = subprocess.run(
            [self.program, "--version"],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return finished.stdout.strip() if finished.returncode == 0 else None


def chromium(cache: Path) -> Chromium:
    """Find Chromium, or fetch it into ``cache`` the first time."""
    for name in ON_PATH:
        if (found := shutil.which(name)) is not None:
            return Chromium(Path(found), {})
    folder = cache / "chromium"
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / ".lock"):
        root = folder / "root"
        if not (root / PROGRAM).is_file() or _unpacked(root).version() is None:
            _fetch(root)
    made = _unpacked(root)
    assert made.version() is not None, f"{root / PROGRAM} does not run on this machine"
    return made


def _unpacked(root: Path) -> Chromium:
    libraries = sorted({str(path.parent) for path in root.rglob("*.so*")})
    return Chromium(
        root / PROGRAM,
        {"LD_LIBRARY_PATH": ":".join(libraries), "FONTCONFIG_FILE": str(root / "fonts.conf")},
    )


def _fetch(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as name:
        scratch = Path(name)
        try:
            _download(scratch)
        except subprocess.CalledProcessError:
            if os.geteuid() != ROOT_USER:
                raise
            # A bare machine has no lists of packages, or old ones.
            _run(["apt-get", "update"], scratch)
            _download(scratch)
        for package in scratch.glob("*.deb"):
            _run(["dpkg-deb", "-x", str(package), "root"], scratch)
        (scratch / "root" / "fonts.conf").write_text(FONTS.format(root=root))
        (scratch / "root").rename(root)


def _download(folder: Path) -> None:
    """Download the package, and of those that it needs the ones that are not installed."""
    simulated = subprocess.run(
        ["apt-get", "install", "--simulate", "--no-install-recommends", PACKAGE],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line.split() for line in simulated.stdout.splitlines())
    missing = [words[1] for words in lines if words[:1] == ["Inst"]]
    _run(["apt-get", "download", *missing], folder)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, stdout=sys.stderr, check=True)
