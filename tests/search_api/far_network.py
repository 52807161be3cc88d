"""A service and a host of the internet's, in a network where this machine is both.

``python -m tests.search_api.far_network FOLDER``, as root in a network and a mount namespace of
its own: writes what came of searches by URL into ``outcomes.json``.
"""

import fcntl
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lookalike.client import Client, ServiceError
from tests.search_api.conftest import running_stack
from tests.search_api.far_host import FarHost, gives

# Any address that is somebody's on the internet: nothing leaves this network.
ADDRESS, NAME, INSIDE = "93.184.215.14", "pictures.example.com", "inside.example.com"
URL = f"http://{NAME}/a.jpg"
# linux/sockios.h and linux/if.h.
SET_ADDRESS, SET_FLAGS, UP = 0x8916, 0x8914, 0x41


def main() -> None:
    """See the module."""
    folder = Path(sys.argv[1])
    raise_network({NAME: ADDRESS, INSIDE: "127.0.0.1"}, folder / "hosts")
    host = FarHost(at=(ADDRESS, 80))
    settings = {"LOOKALIKE_URL_HOSTS": "*.example.com"}
    with running_stack(folder, settings=settings) as stack:
        client, picture = Client(stack.url), next(stack.pictures.rglob("*.png")).read_bytes()
        host.sends = gives(picture)
        answers = [client.search(url=URL, k=3), client.search(picture, k=3)]
        outcomes = {
            "found": [[(hit.id, hit.distance) for hit in one.results] for one in answers],
            "asked": [*host.requests],
            "inside": problem(client, f"http://{INSIDE}:{stack.url.rpartition(':')[2]}/healthz"),
            "other": problem(client, "http://another.example/a.jpg"),
        }
        host.sends = gives(b"", "Location: http://127.0.0.1/", status="302 Found")
        outcomes["moved"] = problem(client, URL)
    (folder / "outcomes.json").write_text(json.dumps(outcomes))


def problem(client: Client, url: str) -> str:
    """Search by a URL; give the type of the problem."""
    try:
        client.search(url=url)
    except ServiceError as error:
        return str(error.problem["type"])
    return "found"


def raise_network(names: Mapping[str, str], hosts: Path) -> None:
    """Bring the loopback up with the public address too, and have names resolved."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sH14x", b"lo", UP))
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(ADDRESS))
        fcntl.ioctl(any_socket, SET_ADDRESS, struct.pack("16s16s", b"lo:1", address))
    lines = [f"{address} {name}\n" for name, address in names.items()]
    hosts.write_text("127.0.0.1 localhost\n" + "".join(lines))
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)


if __name__ == "__main__":
    main()
