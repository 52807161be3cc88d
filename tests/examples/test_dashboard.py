"""The dashboard's panels, asked of a real Prometheus while Locust searches, and drawn."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from examples.draw_dashboard import DASHBOARD, load, panel_series, prometheus
from tests.debian import unpacked
from tests.examples.test_examples import EXAMPLES
from tests.search_api.conftest import Stack, running_stack

PROGRAM = Path("usr/bin/prometheus")
# Nothing went wrong, so that there is nothing to count.
EMPTY = {"Problems"}
SECONDS = 20


def debian_prometheus(cache: Path) -> str:
    def works(root: Path) -> bool:
        return subprocess.run([root / PROGRAM, "--version"], check=False).returncode == 0

    return shutil.which("prometheus") or str(unpacked("prometheus", cache, works) / PROGRAM)


@pytest.mark.long
def test_every_panel_has_something_to_show(tmp_path: Path, real_cache: Path) -> None:
    program = debian_prometheus(real_cache)
    panels = json.loads(DASHBOARD.read_text())["panels"]
    with running_stack(tmp_path) as stack:
        model_server = stack.environment["LOOKALIKE_MODEL_SERVER_REST"]
        with prometheus(program, stack.url, model_server) as api:
            begun = time.time()
            load(stack.url, stack.pictures, 4, SECONDS)
            found = {panel["title"]: panel_series(api, panel, begun) for panel in panels}
        picture = drawn(stack, program, tmp_path)
    empty = {title for title, series in found.items() if not any(line.values for line in series)}
    assert empty == EMPTY
    assert [line.label for line in found["Searches"]] == ["200"]
    assert {line.label for line in found["Mean time of each stage"]} == {
        *("decode", "embed", "search")
    }
    assert found["Pictures that can be found"][0].values[-1] == 32
    read = cv2.imread(str(picture))
    assert read is not None
    assert min(read.shape[:2]) > 500
    assert read.std() > 10


def drawn(stack: Stack, program: str, folder: Path) -> Path:
    """Have the example draw it, as a user would."""
    out = folder / "dashboard.png"
    flags = ("--users", "2", "--seconds", "6", "--prometheus", program, "--out", str(out))
    asked = ("--url", stack.url, "--pictures", str(stack.pictures), *flags)
    subprocess.run(
        [sys.executable, str(EXAMPLES / "draw_dashboard.py"), *asked],
        env={**os.environ, **stack.environment},
        check=True,
    )
    return out
