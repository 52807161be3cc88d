"""Which checks there are, in an order in which one explains the next."""

from collections.abc import Iterator

from doctor import machine, servers, stored
from doctor.finding import Check, Finding, run_checks
from lookalike.errors import LookalikeError
from lookalike.settings import Settings


def examine(url: str | None, *, deep: bool) -> Iterator[Finding]:
    """Look at everything, and yield each finding as it is there.

    Args:
        url: of a search service that has to be there; None: look where settings say.
        deep: read every file of the index.
    """
    yield from run_checks([Check("packages", machine.packages)])
    try:
        settings = Settings.from_environment()
    except LookalikeError as error:
        advice = "docs/settings.md lists them; all else was not looked at"
        yield Finding(
            check="settings", state="wrong", said=str(error), advice=advice, type=error.type
        )
        return
    yield from run_checks(_checks(settings, url, deep=deep))


def _checks(settings: Settings, url: str | None, *, deep: bool) -> list[Check]:
    where = url or f"http://{settings.bind}"
    return [
        Check("weights", lambda: machine.weights(settings)),
        Check("cache", lambda: machine.cache(settings)),
        Check("store", lambda: stored.store(settings)),
        Check("models", lambda: stored.models(settings)),
        Check("index", lambda: stored.index(settings, deep=deep)),
        Check("model server", lambda: servers.model_server(settings)),
        Check("service", lambda: servers.service(where, settings, asked=url is not None)),
    ]
