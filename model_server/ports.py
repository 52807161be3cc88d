"""Ports that a server is to listen at: whether they can be had, and what to do where not."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from lookalike.errors import ConfigurationError


@contextmanager
def bound(what: str, host: str, port: int) -> Iterator[socket.socket]:
    """Hold a port without listening; once it is let go, a server can have it at once.

    Args:
        what: REST or gRPC.
        host: address to be had.
        port: 0 for any that is free.

    Raises:
        ConfigurationError: the port or the address cannot be had.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind((host, port))
        except OSError as error:
            raise port_refused(what, host, port, error) from error
        yield holder


def port_refused(what: str, host: str, port: int, error: Exception) -> ConfigurationError:
    """Make the error that says which flag helps.

    Args:
        what: REST or gRPC.
        host: address that was to be had.
        port: the same.
        error: why not.
    """
    flag = f"--{what.lower()}-port"
    if isinstance(error, OSError) and error.errno != errno.EADDRINUSE:
        return ConfigurationError(
            f"the {what} port {port} cannot be had at {host} ({error.strerror}): --host takes an "
            f"IPv4 address or a name of this machine, {flag} a port that this user may have"
        )
    return ConfigurationError(
        f"the {what} port {port} cannot be had, another program may listen there: choose another "
        f"with {flag}, 0 for any"
    )
