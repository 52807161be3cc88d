"""Ports of the demo's servers."""

import subprocess
import sys
from contextlib import closing
from socket import create_server

from demo.processes import free_port

PROGRAM = "from demo.processes import free_port; print(free_port({}))"


def asked_elsewhere(port: int) -> int:
    command = [sys.executable, "-c", PROGRAM.format(port)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_two_demos_that_begin_at_once_get_ports_of_their_own() -> None:
    """The server listens only minutes after its port was chosen."""
    port = free_port(0)
    assert free_port(port) == port
    assert asked_elsewhere(port) != port


def test_a_port_that_somebody_listens_at_is_not_taken() -> None:
    with closing(create_server(("127.0.0.1", 0))) as server:
        taken = server.getsockname()[1]
        assert asked_elsewhere(taken) != taken
