"""Python and packages: what is missing, too old, or not what was tested."""

import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from doctor.finding import Finding, ok, warning, wrong

# What is installed with `pip install lookalike[…]`, and for what.
EXTRAS = {"search": "search_api", "jobs": "training, export, indexing and the model server"}
# In a clone of the repository; what was installed from a wheel has none.
PINS = Path(__file__).parents[1] / "constraints.txt"
PINNED = re.compile(r"([\w.-]+)==(\S+)")
MOST_NAMED = 5


def packages() -> Iterator[Finding]:
    """Look whether what Lookalike is made of is installed, in versions that it takes."""
    found = f"lookalike {version('lookalike')}, Python {platform.python_version()}"
    lacking = missing(None)
    if lacking:
        yield wrong("packages", f"{found}; lacking: {'; '.join(lacking)}", "install lookalike anew")
        return
    yield ok("packages", found)
    for extra, use in EXTRAS.items():
        lacking = missing(extra)
        if lacking:
            advice = f"where they are needed: pip install 'lookalike[{extra}]'"
            yield warning("packages", f"{use} do not run here: {'; '.join(lacking)}", advice)
        else:
            yield ok("packages", f"all that {use} need")
    yield from _untested()


def missing(extra: str | None) -> list[str]:
    """Say which requirements are not met: those of an extra, or of Lookalike itself."""
    problems = []
    for line in requires("lookalike") or []:
        wanted = Requirement(line)
        chosen = wanted.marker is not None and "extra" in str(wanted.marker)
        if chosen != (extra is not None):
            continue
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra or ""}):
            continue
        there = _installed(wanted.name)
        if there is None:
            problems.append(f"{wanted.name} is not installed")
        elif not wanted.specifier.contains(there, prereleases=True):
            problems.append(f"{wanted.name} is {there}, not {wanted.specifier}")
    return problems


def _untested() -> Iterator[Finding]:
    """Tell of installed packages that have another version than the one that is pinned."""
    if not PINS.is_file():
        return
    pins: dict[str, str] = dict(PINNED.findall(PINS.read_text()))
    others = [
        f"{name} {there}, not {pin}"
        for name, pin in pins.items()
        if (there := _installed(name)) not in (None, pin)
    ]
    if others:
        more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        said = f"others than those that were tested: {'; '.join(others[:MOST_NAMED])}{more}"
        yield warning("packages", said, "'make setup' installs those of constraints.txt")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
