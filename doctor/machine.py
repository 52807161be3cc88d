"""This machine: Python and packages, the cache, room on the disk and in memory."""

import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from tqdm import tqdm

from doctor.finding import Finding, ok, warning, wrong
from lookalike.errors import ConfigurationError
from lookalike.settings import Settings

# What is installed with `pip install lookalike[…]`, and for what.
EXTRAS = {"search": "search_api", "jobs": "training, export, indexing and the model server"}
LEAST_DISK = 2_000_000_000
MEMORY = Path("/proc/meminfo")
# What a container may have; of cgroup v2, as Kubernetes sets it.
CONTAINER_MEMORY = Path("/sys/fs/cgroup/memory.max")


def packages() -> Iterator[Finding]:
    """Look whether what Lookalike is made of is installed, in versions that it takes."""
    found = f"lookalike {version('lookalike')}, Python {platform.python_version()}"
    missing = _missing(None)
    if missing:
        yield wrong("packages", f"{found}; lacking: {'; '.join(missing)}", "install lookalike anew")
        return
    yield ok("packages", found)
    for extra, use in EXTRAS.items():
        missing = _missing(extra)
        if missing:
            advice = f"where they are needed: pip install 'lookalike[{extra}]'"
            yield warning("packages", f"{use} do not run here: {'; '.join(missing)}", advice)
        else:
            yield ok("packages", f"all that {use} need")


def _missing(extra: str | None) -> list[str]:
    """Say which requirements are not met: those of an extra, or of Lookalike itself."""
    problems = []
    for line in requires("lookalike") or []:
        wanted = Requirement(line)
        chosen = wanted.marker is not None and "extra" in str(wanted.marker)
        if chosen != (extra is not None):
            continue
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra or ""}):
            continue
        try:
            there = version(wanted.name)
        except PackageNotFoundError:
            problems.append(f"{wanted.name} is not installed")
            continue
        if not wanted.specifier.contains(there, prereleases=True):
            problems.append(f"{wanted.name} is {there}, not {wanted.specifier}")
    return problems


def weights(settings: Settings) -> Iterator[Finding]:
    """Look for the file of weights that a setting names."""
    if not settings.weights:
        return
    if Path(settings.weights).is_file():
        yield ok("weights", settings.weights)
    else:
        advice = "put the file there, or unset LOOKALIKE_WEIGHTS to have it fetched"
        said = f"LOOKALIKE_WEIGHTS names no file: {settings.weights}"
        yield wrong("weights", said, advice, ConfigurationError)


def cache(settings: Settings) -> Iterator[Finding]:
    """Look whether the cache can be written to, and has room."""
    folder = Path(settings.cache)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-"):
            pass
    except OSError as error:
        said = f"{folder} cannot be written to: {error.strerror}"
        yield wrong("cache", said, "name another folder in LOOKALIKE_CACHE", ConfigurationError)
        return
    free = shutil.disk_usage(folder).free
    said = f"{folder}, {size(free)} free"
    if free < LEAST_DISK:
        yield warning("cache", said, "make room, or name another disk in LOOKALIKE_CACHE")
    else:
        yield ok("cache", said)


def memory(needed: int) -> Iterator[Finding]:
    """Hold the memory that there is against what an index of so many bytes maps."""
    there = _memory()
    if there is None:
        return
    said = f"{size(there)} of memory; the index has {size(needed)}"
    if needed > there:
        advice = "searches read from the disk then: add memory, or see 'lookalike plan'"
        yield warning("memory", said, advice)
    else:
        yield ok("memory", said)


def _memory() -> int | None:
    """Give the bytes that programs here may have: the container's limit, or the machine's."""
    limits = []
    if MEMORY.is_file():
        found = re.search(r"MemTotal:\s+(\d+) kB", MEMORY.read_text())
        limits += [int(found[1]) * 1024] if found else []
    if CONTAINER_MEMORY.is_file():
        text = CONTAINER_MEMORY.read_text().strip()
        limits += [int(text)] if text.isdecimal() else []
    return min(limits, default=None)


def size(count: int) -> str:
    """Write a number of bytes for people."""
    return str(tqdm.format_sizeof(count, "B"))
