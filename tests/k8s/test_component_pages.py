"""What the pages of components say to type is run, and leaves what their manifests mount."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from k8s.render import HERE
from lookalike.key_file import read_keys
from tests.documents.reading import commands

PAGES = sorted((HERE / "components").glob("*/README.md"))


def run_page(page: Path, folder: Path) -> str:
    """Run the ``lookalike`` commands of a page's shell blocks; give what they print."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    typed = [one.text for one in commands([page]) if one.text.startswith("lookalike ")]
    finished = subprocess.run(
        ["bash", "-ec", "\n".join(typed)],
        cwd=folder,
        env={**os.environ, "PATH": programs, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_commands_of_a_component_s_page_run(page: Path, tmp_path: Path) -> None:
    run_page(page, tmp_path)


def test_the_keys_page_makes_a_file_that_the_service_takes_and_that_holds_no_key(
    tmp_path: Path,
) -> None:
    printed = run_page(HERE / "components" / "api-keys" / "README.md", tmp_path)
    (file,) = tmp_path.iterdir()
    keys = {key.name: key.scopes for key in read_keys(file)}
    assert keys == {"shop": {"search"}, "office": {"search", "admin"}}
    made = printed.split()
    assert len(made) == len(keys)
    assert not [key for key in made if key in file.read_text()]
