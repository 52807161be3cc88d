"""How many cores there are for this process."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
UNLIMITED = "max"


def cores(cgroup: Path = CGROUP) -> int:
    """Count the cores that this process may run on, or its container's share of them if less.

    A container that may use two cores of a node's 64 may run on any of these; more threads than two
    would only hold each other up.
    """
    allowed, quota = len(os.sched_getaffinity(0)), _quota(cgroup)
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def _quota(cgroup: Path) -> float | None:
    """Read the cores that a control group has, of its second version or its first; None: any."""
    try:
        most, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            most = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text()
        except OSError:
            return None
    return None if most in (UNLIMITED, "-1") else int(most) / int(period)
