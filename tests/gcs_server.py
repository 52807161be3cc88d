"""A real HTTP server that speaks Google Cloud Storage, for gcsfs to talk to.

It knows no preconditions (a file that is created only once), pages no listings, and wants
uploads in one request; what needs those is tested on S3 alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from gcp_storage_emulator.server import create_server

from tests.ports import free_port


@contextmanager
def gcs_server() -> Iterator[None]:
    """Serve Cloud Storage on loopback, with an environment that leads gcsfs there."""
    port = free_port()
    server = create_server("127.0.0.1", port, in_memory=True)
    server.start()
    environment = {
        "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}",
        # gcsfs asks over gRPC what kind of bucket it is, which the emulator does not speak.
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield
    server.stop()
