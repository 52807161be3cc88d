"""Memory that processes share: an anonymous file, mapped by each, gone with the last of them."""

import mmap
import os
import tempfile
from collections.abc import Callable
from multiprocessing.reduction import DupFd
from typing import Any


class SharedFile:
    """A file without a name, of ``size`` bytes (1 or more); give it to a process as an argument.

    A killed job leaves nothing behind, which a name in /dev/shm would.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor, self.size = descriptor, size
        self.memory = mmap.mmap(descriptor, size)

    @classmethod
    def in_memory(cls, size: int) -> "SharedFile":
        """Make one that is never written to a disk.

        Not in /dev/shm: containers give that 64 MB, and a process that touches more is
        killed by SIGBUS.
        """
        descriptor = os.memfd_create("lookalike") if hasattr(os, "memfd_create") else _unlinked()
        os.truncate(descriptor, size)
        return cls(descriptor, size)

    @classmethod
    def on_disk(cls, size: int) -> "SharedFile":
        """Make one whose pages the system can write out when memory is short."""
        descriptor = _unlinked()
        os.truncate(descriptor, size)
        return cls(descriptor, size)

    def close(self) -> None:
        """Close the file; arrays over its memory keep that alive."""
        os.close(self.descriptor)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, int]]:
        return _received, (DupFd(self.descriptor), self.size)


def _received(duplicate: Any, size: int) -> SharedFile:
    return SharedFile(duplicate.detach(), size)


def _unlinked() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
