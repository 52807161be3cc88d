"""Accepting connections so that the workers of a replica share them.

All wait at one listening socket, and whoever is awake takes what comes. Of connections that are
opened together, as clients and proxies open those that they keep, one worker would take most, and
the other cores would have little to do for as long as they are kept.
"""

from typing import Any

from gevent.server import StreamServer

# After a connection a worker leaves the next one to the others, for about as long as a search
# takes one that has something to do. Where all rest at once a newcomer waits as long.
REST_SECONDS = 0.001


class SharingServer(StreamServer):  # type: ignore[misc]
    """Accepts one connection at a time, and rests after each."""

    max_accept = 1

    def do_handle(self, *accepted: Any) -> None:
        """Begin with a connection."""
        super().do_handle(*accepted)
        self.stop_accepting()
        self._timer = self.loop.timer(REST_SECONDS)
        self._timer.start(self._start_accepting_if_started)
