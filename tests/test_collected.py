"""That every file of tests is run: pytest passes over folders of some names without a word."""

from fnmatch import fnmatch
from pathlib import Path

import pytest


def test_no_folder_of_tests_is_passed_over(pytestconfig: pytest.Config) -> None:
    passed_over = pytestconfig.getini("norecursedirs")
    folders = {path.parent for path in Path(__file__).parent.rglob("test_*.py")}
    names = {name for folder in folders for name in folder.relative_to(pytestconfig.rootpath).parts}
    assert {name for name in names if any(fnmatch(name, one) for one in passed_over)} == set()
