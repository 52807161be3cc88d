"""What the numbers were measured on: a ratio travels between machines, a rate does not."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

PACKAGES = ("faiss-cpu", "grpcio", "numpy", "opencv-python-headless", "requests", "tensorflow")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Processor, system and versions."""

    cpu: str
    cores: Annotated[int, Meta(description="Cores that this process may run on.")]
    load: Annotated[float, Meta(description="Processes that wanted a core, over the last minute.")]
    system: str
    python: str
    packages: Annotated[dict[str, str], Meta(description="Versions of what the work is done by.")]


def this_machine() -> Machine:
    """Describe the machine that this runs on, as it is now."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        load=round(os.getloadavg()[0], 2),
        system=platform.platform(),
        python=platform.python_version(),
        packages={package: version(package) for package in PACKAGES},
    )


def _cpu() -> str:
    """The processor's name as Linux knows it; some processors have none but their kind."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    names = {key.strip(): value.strip() for key, value in fields.items()}
    return names.get("model name", platform.machine())
