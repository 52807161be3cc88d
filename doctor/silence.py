"""Whether a bucket answers at all, before anything is asked of it that would wait for minutes."""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache

from doctor.finding import Finding, warning, wrong
from doctor.waiting import waiting
from lookalike.errors import StoreError
from lookalike.store import Location

# A bucket that refuses takes up to ten, for its client tries again.
SECONDS = 15.0
ADVICE = "does a firewall or a NetworkPolicy keep this machine from it? is its address right?"


def unless_silent(
    check: str, store: str, look: Callable[[], Iterable[Finding]]
) -> Callable[[], Iterable[Finding]]:
    """Give a look at a store that is not begun where that does not answer."""

    def looked() -> Iterable[Finding]:
        if not _is_silent(store):
            return look()
        if check == "store":
            said = f"{store} gives no answer within {SECONDS:g} seconds"
            return [wrong(check, said, ADVICE, StoreError)]
        return [warning(check, "not looked at: the store does not answer", "")]

    return looked


@cache
def _is_silent(store: str) -> bool:
    location = Location(store)
    if location.local is not None:
        return False
    answered = threading.Event()

    def ask() -> None:
        with suppress(Exception):  # whatever is wrong, the looks will tell
            location.has_bucket()
        answered.set()

    threading.Thread(target=ask, daemon=True).start()
    with waiting(f"asking {store}"):
        return not answered.wait(SECONDS)
