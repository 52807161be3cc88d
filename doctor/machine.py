"""This machine: the cache, room on the disk and in memory."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from doctor.finding import Finding, ok, warning, wrong
from doctor.rights import READ, is_there, refused
from lookalike.errors import ConfigurationError
from lookalike.settings import Settings

LEAST_DISK = 2_000_000_000
MEMORY = Path("/proc/meminfo")
# What a container may have; of cgroup v2, as Kubernetes sets it.
CONTAINER_MEMORY = Path("/sys/fs/cgroup/memory.max")


def cache(settings: Settings) -> Iterator[Finding]:
    """Look whether the cache can be written to, or made, and has room."""
    folder = Path(settings.cache).absolute()
    there = next(one for one in (folder, *folder.parents) if is_there(one))
    problem = _unwritable(there)
    if problem:
        said = f"{folder} cannot be written to: {there} {problem}"
        yield wrong("cache", said, "name another folder in LOOKALIKE_CACHE", ConfigurationError)
        return
    said = f"{folder} can be {'written to' if there == folder else 'made'}"
    yield room("cache", there, said, "make room, or name another disk in LOOKALIKE_CACHE")


def _unwritable(path: Path) -> str:
    """Say why nothing can be put there; empty where it can."""
    if not path.is_dir():
        return "is a file"
    words = [word for word in refused(path) if word != READ]
    return f"may not be {' or '.join(words)} by this user" if words else ""


def room(check: str, folder: Path, said: str, advice: str) -> Finding:
    """Hold what is free on a folder's disk against what the next run may write."""
    free = shutil.disk_usage(folder).free
    said = f"{said}, {size(free)} free"
    return warning(check, said, advice) if free < LEAST_DISK else ok(check, said)


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
