"""A real browser without an installation: Debian's Chromium, where none is on the PATH."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.debian import libraries, unpacked

PACKAGE = "chromium"
ON_PATH = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = Path("usr/lib/chromium/chromium")
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


def chromium(cache: Path) -> Chromium:
    """Find Chromium, or fetch it into ``cache`` the first time."""
    for name in ON_PATH:
        if (found := shutil.which(name)) is not None:
            return Chromium(Path(found), {})
    return _within(unpacked(PACKAGE, cache, _works))


def _within(root: Path) -> Chromium:
    fonts = root / "fonts.conf"
    if not fonts.is_file():  # once, while nobody else looks
        fonts.write_text(FONTS.format(root=root))
    return Chromium(root / PROGRAM, {**libraries(root), "FONTCONFIG_FILE": str(fonts)})


def _works(root: Path) -> bool:
    found = _within(root)
    command, environment = [found.program, "--version"], {**os.environ, **found.environment}
    return subprocess.run(command, env=environment, check=False).returncode == 0
