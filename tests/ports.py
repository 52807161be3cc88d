"""Ports of loopback that nothing listens at."""

import socket


def free_port() -> int:
    """Give the number of a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
