"""Closing a listening socket without resetting anybody, on Linux.

A kernel resets the connections that it completed and nobody accepted by then. So new ones are
kept out first, as if the machine were not there: their clients try again, here or elsewhere.
"""

import ctypes
import socket
import struct
import sys
from typing import Any

from lookalike.errors import ConfigurationError
from lookalike.settings import NO_ADDRESSES, check_bind

# Of include/uapi/asm-generic/socket.h; Python does not name it.
SO_ATTACH_FILTER = 26
MOST_PORT = 65535
# Classic BPF over the TCP header: drop what has SYN (byte 13, bit 1), pass the rest.
_INSTRUCTIONS = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 1 << 31))
_PROGRAM = b"".join(struct.pack("HBBI", *instruction) for instruction in _INSTRUCTIONS)
# struct tcp_info of include/uapi/linux/tcp.h, as far as tcpi_unacked: of a listening socket
# that is how many connections wait to be accepted.
_TCP_INFO = struct.Struct("8B5I")


class _Filter(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def check_free(bind: str) -> None:
    """See that an address can be listened on, so that whose it is can be said in one line.

    Args:
        bind: ``host:port``; sockets that are files are left to the server.

    Raises:
        ConfigurationError: another program listens there, the address is no machine's, or it
            names no port.
    """
    check_bind(bind)
    if bind.startswith(NO_ADDRESSES):
        return
    host, _, port = bind.rpartition(":")
    if int(port) > MOST_PORT:
        raise _not_listened_on(bind, "there is no such port")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        raise _not_listened_on(bind, str(error)) from error


def _not_listened_on(bind: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{bind} cannot be listened on ({reason}): choose another address with --bind or "
        "LOOKALIKE_BIND"
    )


def keep_out_newcomers(listener: Any) -> None:
    """Let no connection begin any more, in any process that has this socket."""
    if _has_handshakes(listener):
        program = bytes(_Filter(len(_INSTRUCTIONS), _PROGRAM))
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def waiting_connections(listener: Any) -> int:
    """Count the connections that nobody has accepted yet."""
    if not _has_handshakes(listener):
        return 0
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    return int(_TCP_INFO.unpack(info)[-1])


def _has_handshakes(listener: Any) -> bool:
    return sys.platform == "linux" and listener.family in (socket.AF_INET, socket.AF_INET6)
