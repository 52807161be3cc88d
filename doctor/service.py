"""The search service: whether it is there and ready, and serves what it should."""

import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any, NamedTuple

import msgspec

from doctor.finding import Finding, ok, warning, wrong
from doctor.waiting import waiting
from lookalike.connections import Connections, NoAnswer
from lookalike.errors import ConfigurationError
from lookalike.settings import NO_ADDRESSES, Settings
from lookalike.store import open_indexes

SECONDS = 5.0
OK, NOT_FOUND = 200, 404
# Past that, it is not the seconds of an answer; Amazon's S3 refuses a quarter of an hour.
MOST_CLOCK_SECONDS = 60.0


class Advice(NamedTuple):
    """What to do about a service that is not there: it depends on who said where it is."""

    absent: str
    foreign: str
    invalid: str


ASKED = Advice(
    absent="start it there ('lookalike serve'), or mend --url",
    foreign="is --url right?",
    invalid="name it as in --url http://127.0.0.1:8080",
)
BOUND = Advice(
    absent="start one ('lookalike serve'), or say where it is with --url",
    foreign="'lookalike serve' needs an address of its own: name another in LOOKALIKE_BIND",
    invalid="name an address in LOOKALIKE_BIND, as 127.0.0.1:8080",
)


class Place(NamedTuple):
    """Where a service should be, and whether somebody said so: then it has to be there."""

    url: str
    asked: bool

    @property
    def advice(self) -> Advice:
        """What to do where it is not."""
        return ASKED if self.asked else BOUND


class Got(NamedTuple):
    """An answer: status, the JSON object in it, and the clock of who gave it."""

    status: int
    document: dict[str, Any]
    date: str | None


class Answers(NamedTuple):
    """What something that may be a search service said of itself."""

    alive: Got
    ready: Got
    about: dict[str, Any]


def service(url: str | None, settings: Settings) -> Iterator[Finding]:
    """Ask a search service how it does, and which index it serves.

    Args:
        url: where somebody said that it is; None: it is looked for at LOOKALIKE_BIND.
        settings: say which index it should serve.
    """
    if url is None and settings.bind.startswith(NO_ADDRESSES):
        said = f"not looked at, since it listens on {settings.bind}"
        yield warning("service", said, "say with --url at which address it is reached")
        return
    where = settings.service_url if url is None else url
    place = Place(where, asked=url is not None)
    try:
        connections = Connections(where, keep=1)
    except ValueError as error:
        said = str(error) if where else "--url is empty"
        yield wrong("service", said, place.advice.invalid, ConfigurationError)
        return
    with closing(connections):
        yield from _asked(connections, place, settings)


def _asked(connections: Connections, place: Place, settings: Settings) -> Iterator[Finding]:
    try:
        with waiting(f"asking {place.url}"):
            answers = _answers(connections)
    except NoAnswer as error:
        said = f"none answers at {place.url}: {error}"
        yield (wrong if place.asked else warning)("service", said, place.advice.absent)
    else:
        yield from answered(place, settings, answers)


def _answers(connections: Connections) -> Answers:
    alive = _get(connections, "/healthz")
    ready = _get(connections, "/readyz")
    about = _get(connections, "/openapi.json").document.get("info")
    return Answers(alive, ready, about if isinstance(about, dict) else {})


def _get(connections: Connections, path: str) -> Got:
    reply = connections.exchange("GET", path, None, None, timeout=SECONDS)
    try:
        document = msgspec.json.decode(reply.data)
    except msgspec.DecodeError:
        document = {}
    return Got(
        reply.status, document if isinstance(document, dict) else {}, reply.headers.get("Date")
    )


def answered(place: Place, settings: Settings, answers: Answers) -> Iterator[Finding]:
    """Say what follows from what something said of itself."""
    alive, _, about = answers
    if about.get("title") != "Lookalike" or alive.status not in (OK, NOT_FOUND):
        said = f"what answers at {place.url} is no search service"
        yield wrong("service", said, place.advice.foreign)
        return
    yield from _state(place.url, settings, answers)
    yield from _other_version(place.url, str(about.get("version")))
    yield from _other_clock(place.url, alive.date)


def _state(url: str, settings: Settings, answers: Answers) -> Iterator[Finding]:
    ready = answers.ready
    if NOT_FOUND in (answers.alive.status, ready.status):
        said = f"{url} leads to a service, and not to its /healthz and /readyz"
        yield warning("service", said, "an ingress hides them: ask from inside the cluster")
    elif ready.status != OK:
        reason = _detail(ready.document) or f"status {ready.status}"
        advice = "what is wrong above is why, or else its log says it"
        yield wrong("service", f"{url} lives and is not ready: {reason}", advice)
    else:
        yield ok("service", f"{url} serves {ready.document['index_version']}")
        yield from _problem(url, ready.document)
        yield from _other_index(url, settings, ready.document["index_version"])


def _problem(url: str, ready: dict[str, Any]) -> Iterator[Finding]:
    if ready.get("problem"):
        yield warning("service", f"{url} goes on, but: {_detail(ready['problem'])}", "see its log")


def _other_index(url: str, settings: Settings, there: str) -> Iterator[Finding]:
    """Hold the index that is served against the one that should be."""
    try:
        current = open_indexes(settings.store, settings.index).current_or_none()
    except Exception as error:  # noqa: BLE001  the store has a check of its own
        said = f"whether that is CURRENT cannot be told: {error}"
        yield warning("service", said, "see to the store")
        return
    if current not in (None, there):
        said = f"{url} serves {there}, and CURRENT is {current}"
        yield warning("service", said, "it takes seconds to notice; does it read this store?")


def _other_version(url: str, there: str) -> Iterator[Finding]:
    here = version("lookalike")
    if there != here:
        said = f"{url} is lookalike {there}, and this is {here}"
        yield warning("service", said, "bring both to one version")


def _other_clock(url: str, date: str | None) -> Iterator[Finding]:
    try:
        seconds = 0.0 if date is None else time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return  # a proxy's; nothing depends on it
    if abs(seconds) > MOST_CLOCK_SECONDS:
        said = f"the clock at {url} differs by {abs(seconds):.0f} s from the one here"
        advice = "set both by NTP: buckets refuse what is signed by a wrong one"
        yield warning("service", said, advice)


def _detail(problem: dict[str, Any]) -> str:
    return str(problem.get("detail", ""))
