"""Whether a model server serves all that was brought into its folder, told by a file.

A model server answers as soon as one version is loaded. A pod that begins to be asked then
refuses searches by an index whose model it still loads; and only who brings versions knows
which there are. The file is what a readiness probe looks for, which costs no process of Python.
"""

import urllib.request
from collections.abc import Collection
from http.client import HTTPException
from pathlib import Path

import msgspec

AVAILABLE = "AVAILABLE"
# A version is not going to change any more: END where it could not be loaded, which nobody
# waits for.
SETTLED = frozenset({AVAILABLE, "END"})
TIMEOUT_SECONDS = 5.0
# The model server is on this machine, or beside it: what stands in http_proxy is not on the way.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def mark_served(file: Path, url: str, versions: Collection[str]) -> None:
    """Write the file once every version is served; take it away where the server is away.

    What comes later leaves it: a new version is loaded by all replicas at once, and the old ones
    are answered meanwhile.

    Args:
        file: the mark.
        url: of the model's status, ``http://host:port/v1/models/name``.
        versions: that were brought.
    """
    states = version_states(url)
    settled = all(states.get(version) in SETTLED for version in versions)
    if not states:
        file.unlink(missing_ok=True)
    elif settled and AVAILABLE in states.values():
        file.touch()


class _Version(msgspec.Struct):
    version: str
    state: str


class _Status(msgspec.Struct):
    model_version_status: list[_Version]


def version_states(url: str) -> dict[str, str]:
    """Ask for the state of each version; none where there is no answer, or a broken one.

    Args:
        url: as in ``mark_served``.
    """
    try:
        with _OPENER.open(url, timeout=TIMEOUT_SECONDS) as response:
            status = msgspec.json.decode(response.read(), type=_Status)
    except (OSError, HTTPException, ValueError, msgspec.DecodeError):
        return {}
    return {one.version: one.state for one in status.model_version_status}
