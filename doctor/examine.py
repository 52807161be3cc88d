"""Which checks there are, in an order in which one explains the next."""

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec

from doctor.finding import Check, Finding, run_checks
from lookalike.errors import LookalikeError
from lookalike.settings import Settings

STORE_ADVICE = "see to LOOKALIKE_STORE: its address, credentials and rights"
# By the scheme of a store's URL: the package that opens it, and what it is installed with.
FILE_SYSTEMS = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
}


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
    return [
        Check("settings", _later("settings", "settings", settings)),
        Check("weights", _later("weights", "weights", settings)),
        Check("cache", _later("machine", "cache", settings)),
        _of_store("store", settings, _later("store", "store", settings)),
        _of_store("models", settings, _later("models", "models", settings)),
        _of_store("index", settings, _later("index", "index", settings, deep=deep)),
        Check("model server", _later("model_server", "model_server", settings)),
        Check("service", _later("service", "service", url, settings)),
    ]


def _of_store(name: str, settings: Settings, look: Callable[[], Iterable[Finding]]) -> Check:
    def looked() -> Iterable[Finding]:
        silence = import_module("doctor.silence")
        guarded: Callable[[], Iterable[Finding]]
        guarded = silence.unless_silent(name, settings.store, look)
        return guarded()

    return Check(name, looked, _store_advice(settings.store))


def _store_advice(store: str) -> str:
    """Say what to do about a store that cannot be opened."""
    package, extra = FILE_SYSTEMS.get(store.partition("://")[0], ("", ""))
    if package and find_spec(package) is None:
        return f"pip install 'lookalike[{extra}]'"
    return STORE_ADVICE


def _later(
    module: str, name: str, *given: object, **named: object
) -> Callable[[], Iterable[Finding]]:
    """Import what looks when it looks: where a package is missing, other checks go on."""

    def look() -> Iterable[Finding]:
        looks: Callable[..., Iterable[Finding]] = getattr(import_module(f"doctor.{module}"), name)
        return looks(*given, **named)

    return look
