"""One mover of ``CURRENT`` at a time, on a local disk and on an object store alike.

Of an object store's lock, each process goes by its own clock alone: whoever holds it writes
anew, again and again, that it does, and who waits takes it over where what is written has
stayed the same for long enough. Two machines' clocks are never compared.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from lookalike.errors import PublishConflict
from lookalike.store import files
from lookalike.store.files import POLL_SECONDS, Patience
from lookalike.store.location import Location

LOCK = "PUBLISHING"
# A lock that was not renewed for so long, as seen from here, was left by a killed process. It is
# six renewals: whoever lost it for a slow store's sake would remove what another one points at.
STALE_SECONDS = 60.0
RENEW_SECONDS = 10.0
# A killed process' lock costs the one that waits for it STALE_SECONDS.
WAIT_SECONDS = 90.0

# Asked right before what the lock guards is done: raises PublishConflict where it is lost.
StillHeld = Callable[[], None]

# What this process saw of each object store's lock, and since when: who waits for less than
# STALE_SECONDS, as a service does, takes it over at a later try.
_seen: dict[str, tuple[str, float]] = {}


@contextmanager
def publishing(location: Location, patience: Patience | None = None) -> Iterator[StillHeld]:
    """Be the only one who moves ``CURRENT`` below ``location`` meanwhile.

    An object store cannot keep others out: who was suspended for longer than a lock is waited for,
    or whose lock was removed by one that was slow to, learns by what this gives that they lost it.

    Args:
        location: of a collection.
        patience: raises where whoever waits for the lock waits no longer; None: they do so for
            a local disk's as long as it takes, and for an object store's for WAIT_SECONDS.

    Raises:
        PublishConflict: another process has held an object store's lock for too long.
    """
    if location.local is not None:
        with files.exclusive(location.local / f".{LOCK}{files.LOCK}", patience):
            yield _endless
        return
    lock = _Lock(location)
    lock.take(patience or _endless)
    try:
        with lock.renewed():
            yield lock.check
    finally:
        lock.give_back()


def _endless() -> None:
    pass


class _Lock:
    """The lock of one object store's folder."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._owner = f"{socket.gethostname()} {os.getpid()} {uuid4().hex}"
        self._renewals = 0
        self._path = location.path(LOCK)

    def take(self, patience: Patience) -> None:
        deadline, told = time.monotonic() + WAIT_SECONDS, False
        while True:
            patience()
            try:
                self._location.create(LOCK, self._text())
            except FileExistsError as error:
                self._clear_stale()
                if self._path in _seen and not told:
                    told = True
                    self._tell_waiting()
                if time.monotonic() > deadline:
                    raise PublishConflict(
                        f"another process holds {self._path}; run the job again, or "
                        "remove that file if no other job runs"
                    ) from error
            time.sleep(POLL_SECONDS)
            # Who cleared a stale lock at the same moment may have taken this one for it.
            if self._is_own():
                return

    def check(self) -> None:
        if not self._is_own():
            raise PublishConflict(
                f"another process took {self._path} over meanwhile, since this one had stood still "
                "for too long; run the job again"
            )

    def give_back(self) -> None:
        if self._is_own():  # not who found it stale
            self._location.remove(LOCK)

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew it meanwhile: what it guards may take longer than a lock is waited for."""
        done = threading.Event()
        renewer = threading.Thread(target=self._renew, args=(done,), name=LOCK, daemon=True)
        renewer.start()
        try:
            yield
        finally:
            done.set()
            renewer.join()  # or it might write the lock once more after it was given back

    def _renew(self, done: threading.Event) -> None:
        while not done.wait(RENEW_SECONDS):
            # Whatever a store that is away for a moment raises: there is time for more tries, and
            # one that stays away fails what the lock guards.
            with suppress(Exception):
                if not self._is_own():
                    return
                self._renewals += 1
                self._location.write(LOCK, self._text())

    def _clear_stale(self) -> None:
        holder, now = self._holder(), time.monotonic()
        seen, since = _seen.get(self._path, ("", now))
        if not holder:
            _seen.pop(self._path, None)
        elif holder != seen:
            _seen[self._path] = holder, now
        elif now - since > STALE_SECONDS and self._holder() == holder:
            self._location.remove(LOCK)

    def _tell_waiting(self) -> None:
        """Say whom this waits for, and how long at most."""
        words = _seen[self._path][0].split()
        holder = f"process {words[2]} on {words[1]}" if len(words) > 2 else "another process"
        sys.stderr.write(
            f"waiting for {holder}, which holds {self._path}; if it was killed, "
            f"this goes on in {STALE_SECONDS:g} s\n"
        )
        sys.stderr.flush()

    def _text(self) -> bytes:
        # The time is for people, and for releases before this one, which read it.
        return f"{time.time():.0f} {self._owner} {self._renewals}".encode()

    def _is_own(self) -> bool:
        return f" {self._owner} " in self._holder()

    def _holder(self) -> str:
        try:
            return self._location.read(LOCK).decode()
        except FileNotFoundError:
            return ""
