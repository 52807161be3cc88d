"""Which checks there are, in an order in which one explains the next."""

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module

from doctor.finding import Check, Finding, run_checks
from lookalike.errors import LookalikeError
from lookalike.settings import Settings

STORE_ADVICE = "see to LOOKALIKE_STORE: its address, credentials and rights"


def examine(url: str | None, *, deep: bool) -> Iterator[Finding]:
    """Look at everything, and yield each finding as it is there.

    Args:
        url: of a search service that has to be there; None: look where settings say.
        deep: read every file of the index.
    """
    yield from run_checks([Check("packages", _later("packages", "packages"))])
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
        Check("weights", _later("weights", "weights", settings)),
        Check("cache", _later("machine", "cache", settings)),
        Check("store", _later("stored", "store", settings), STORE_ADVICE),
        Check("models", _later("stored", "models", settings), STORE_ADVICE),
        Check("index", _later("stored", "index", settings, deep=deep), STORE_ADVICE),
        Check("model server", _later("servers", "model_server", settings)),
        Check("service", _later("servers", "service", where, settings, asked=url is not None)),
    ]


def _later(
    module: str, name: str, *given: object, **named: object
) -> Callable[[], Iterable[Finding]]:
    """Import what looks when it looks: where a package is missing, other checks go on."""

    def look() -> Iterable[Finding]:
        looks: Callable[..., Iterable[Finding]] = getattr(import_module(f"doctor.{module}"), name)
        return looks(*given, **named)

    return look
