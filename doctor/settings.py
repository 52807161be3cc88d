"""Settings that can be read, and that the service would not start with all the same."""

from collections.abc import Callable, Iterator

from doctor import packages
from doctor.finding import Finding, ok, warning, wrong
from lookalike.errors import ConfigurationError
from lookalike.key_file import keys_path, read_keys
from lookalike.settings import (
    Settings,
    check_bind,
    check_model_server_rest,
    check_otlp_endpoint,
    unknown_names,
)
from lookalike.url_hosts import host_rules

EXTRA = "tracing"


def settings(given: Settings) -> Iterator[Finding]:
    """Look at what reading the settings says nothing of: names, and what they lead to."""
    found = [*_unknown(), *_refused(given), *_untraced(given)]
    yield from found or [ok("settings", "those that are set can be worked with")]


def _unknown() -> Iterator[Finding]:
    for name, nearest in unknown_names().items():
        advice = f"is it {nearest}?" if nearest else "docs/settings.md lists them"
        yield warning("settings", f"{name} is no setting, and is passed over", advice)


def _refused(given: Settings) -> Iterator[Finding]:
    """Ask what ``lookalike serve`` asks before it starts."""
    for check in (_bind, _api_keys, _url_hosts, _otlp_endpoint, _model_server_rest):
        problem = _problem(check, given)
        if problem:
            advice = "'lookalike serve' does not start with it; see docs/settings.md"
            yield wrong("settings", problem, advice, ConfigurationError)


def _problem(check: Callable[[Settings], object], given: Settings) -> str:
    try:
        check(given)
    except ConfigurationError as error:
        return str(error)
    return ""


def _bind(given: Settings) -> None:
    check_bind(given.bind)


def _api_keys(given: Settings) -> None:
    path = keys_path(given)
    if path is not None:
        read_keys(path)


def _url_hosts(given: Settings) -> None:
    host_rules(given.url_hosts)


def _otlp_endpoint(given: Settings) -> None:
    check_otlp_endpoint(given.otlp_endpoint)


def _model_server_rest(given: Settings) -> None:
    check_model_server_rest(given.model_server_rest)


def _untraced(given: Settings) -> Iterator[Finding]:
    """Tell of packages that only the service with a collector needs, where that can run."""
    traced = given.otlp_endpoint and not packages.missing("search")
    missing = packages.missing(EXTRA) if traced else []
    if missing:
        said = f"LOOKALIKE_OTLP_ENDPOINT wants what is not here: {'; '.join(missing)}"
        advice = f"pip install 'lookalike[{EXTRA}]'"
        yield wrong("settings", said, advice, ConfigurationError)
