"""The last step of an image's build: what is dropped was there, and nothing varies."""

import importlib.util
import py_compile
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from tests.k8s.test_images import IMAGES

PACKAGES = Path(sysconfig.get_path("purelib"))


@pytest.fixture(scope="module")
def finish() -> ModuleType:
    """The program, which is no part of a package, since it runs alone."""
    spec = importlib.util.spec_from_file_location("finish", IMAGES / "finish.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    made = tmp_path / "environment"
    packages = made / "lib" / "python3.11" / "site-packages"
    for service in ("ec2", "s3", "sts"):
        (packages / "botocore" / "data" / service).mkdir(parents=True)
    (packages / "botocore" / "data" / "endpoints.json").write_text("{}")
    (packages / "tensorflow" / "include").mkdir(parents=True)
    (packages / "tensorflow" / "module.py").write_text("ANSWER = {'a', 'b'}\n")
    (packages / "template.py").write_text("class ${name}: pass\n")
    return made


def finished(
    finish: ModuleType, environment: Path, monkeypatch: pytest.MonkeyPatch, date: int
) -> dict[str, bytes]:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(date))
    finish.main(environment)
    files = sorted(path for path in environment.rglob("*") if path.is_file())
    return {str(path.relative_to(environment)): path.read_bytes() for path in files}


def test_what_is_dropped_is_there_to_be_dropped(finish: ModuleType) -> None:
    for pattern in finish.UNUSED:
        assert list(PACKAGES.glob(pattern)), pattern
    there = {path.name for path in (PACKAGES / finish.SERVICES).iterdir()}
    assert set(finish.SERVICES_IN_USE) < there


def test_only_what_never_runs_is_dropped(
    finish: ModuleType, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = finished(finish, environment, monkeypatch, 10**9)
    (packages,) = environment.glob("lib/*/site-packages")
    assert sorted(path.name for path in (packages / "botocore" / "data").iterdir()) == [
        "endpoints.json",
        "s3",
        "sts",
    ]
    assert not (packages / "tensorflow" / "include").exists()
    assert any(name.endswith("tensorflow/module.py") for name in left)


def test_modules_are_compiled_and_every_file_is_dated(
    finish: ModuleType, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (module,) = environment.glob("lib/*/site-packages/tensorflow/module.py")
    py_compile.compile(str(module))  # as an import during the build leaves it
    first = finished(finish, environment, monkeypatch, 10**9)
    tag = sys.implementation.cache_tag
    compiled = [name for name in first if name.endswith(f"__pycache__/module.{tag}.pyc")]
    assert len(compiled) == 1
    assert {path.stat().st_mtime for path in environment.rglob("*")} == {10**9}
    # The first bit: by a hash, not by the source's time; the second: which is to be looked at.
    assert first[compiled[0]][4:8] == b"\x01\x00\x00\x00"
