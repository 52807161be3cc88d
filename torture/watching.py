"""What a service tells of itself: that it answers, and of its workers, where they can be seen."""

import re
from dataclasses import dataclass

from torture.sending import get
from torture.target import Target

_OK = 200
_SAMPLE = r'^%s\{pid="(\d+)"\} (\S+)$'
_STARTED = re.compile(_SAMPLE % "lookalike_worker_start_timestamp_seconds", re.M)
_PEAK = re.compile(_SAMPLE % "lookalike_worker_peak_memory_bytes", re.M)


@dataclass(frozen=True, slots=True)
class Workers:
    """The workers behind ``/metrics``.

    Attributes:
        started: Unix time at which each began, by its number.
        peak_bytes: the most memory that each has had.
    """

    started: dict[str, float]
    peak_bytes: dict[str, float]

    @property
    def most_bytes(self) -> float:
        """The most memory that any has had."""
        return max(self.peak_bytes.values(), default=0.0)


def workers_of(target: Target, seconds: float) -> Workers | None:
    """Read ``/metrics``; None where it cannot be reached, or tells of no worker.

    Behind a balancer it tells of one replica, not always the same one.
    """
    answer = get(target, "/metrics", seconds)
    if answer.outcome.status != _OK:
        return None
    text = answer.body.decode(errors="replace")
    started = {pid: float(value) for pid, value in _STARTED.findall(text)}
    peaks = {pid: float(value) for pid, value in _PEAK.findall(text)}
    return Workers(started, peaks) if started else None


def is_alive(target: Target, seconds: float) -> bool:
    """Say whether ``/healthz`` answers."""
    return get(target, "/healthz", seconds).outcome.status == _OK
