"""How busy a replica may be before its answers are late.

Assumed: requests arrive at random, and the cores of a replica take them from one queue. The
mean wait is Sakasegawa's approximation for M/M/c (1977), and waits beyond it fall off
exponentially, so that 5 % wait three times the mean or longer (ln 20 = 3.0).
"""

import math

TAIL = math.log(20)
# Beyond this, a little more traffic or a slow disk turns into long queues.
MOST_LOAD = 0.7
STEPS = 40


def wait_seconds(service: float, load: float, cores: int) -> float:
    """Give the 95th percentile of the wait for a core.

    Args:
        service: seconds of a core that a request takes.
        load: share of the time that the cores are busy, 0 to below 1.
        cores: of the replica.
    """
    mean: float = service * load ** (math.sqrt(2 * (cores + 1)) - 1) / (cores * (1 - load))
    return TAIL * mean


def greatest_load(service: float, cores: int, most_wait: float) -> float:
    """Give the load at which 95 % of the waits stay below ``most_wait`` seconds, up to 0.7."""
    if wait_seconds(service, MOST_LOAD, cores) <= most_wait:
        return MOST_LOAD
    low, high = 0.0, MOST_LOAD
    for _ in range(STEPS):
        middle = (low + high) / 2
        fits = wait_seconds(service, middle, cores) <= most_wait
        low, high = (middle, high) if fits else (low, middle)
    return low
