"""The one settings object: read from the environment at the edge, passed inward.

Every setting is an environment variable ``LOOKALIKE_<NAME>`` with the default that
stands here. No other module reads one.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from lookalike.errors import ConfigurationError
from lookalike.misfit import misfit

PREFIX = "LOOKALIKE_"
# Variables that are not ours, and mean the same for every program that reads them.
STANDARD = {"OTEL_EXPORTER_OTLP_ENDPOINT": "otlp_endpoint"}
# LOOKALIKE_KEY is a client's: the key that it sends to a service.
NO_SETTING = {"KEY"}
WEB_SCHEMES = ("http://", "https://")
MEBIBYTE = 1 << 20
PATHS = {"store", "cache", "weights", "api_keys"}
# Beginnings of what a service may listen on beside a host and a port.
NO_ADDRESSES = ("unix:", "fd:")

Positive = Annotated[int, Meta(ge=1)]
A_DAY = 86_400  # seconds, past which a limit of time is a slip of the pen
Seconds = Annotated[float, Meta(gt=0, le=A_DAY)]
# Of a folder of the store: versions are looked for right below it.
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z")]
LogFormat = Literal["json", "text"]
AccessLog = Literal["all", "failed", "off"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of every program; each field's description is its documentation."""

    store: Annotated[
        str, Meta(description="Root of the artefact store: a local path or an fsspec URL.")
    ] = "store"
    cache: Annotated[
        str,
        Meta(description="Local folder for verified index copies, weights and sample pictures."),
    ] = "~/.cache/lookalike"
    weights: Annotated[
        str,
        Meta(
            description="File of the backbone's ImageNet weights (.h5 or .weights.h5) that "
            "training begins with. Empty: they are fetched, once."
        ),
    ] = ""
    index: Annotated[Name, Meta(description="Name of the index to build and to serve.")] = "default"
    model: Annotated[
        Name, Meta(description="Name of the model, in the store and on the model server.")
    ] = "embedder"
    model_server_rest: Annotated[
        str, Meta(description="Base URL of the model server's REST API, for queries.")
    ] = "http://127.0.0.1:8501"
    model_server_grpc: Annotated[
        str, Meta(description="gRPC target of the model server, for bulk extraction.")
    ] = "127.0.0.1:8500"
    model_server_timeout: Annotated[
        Seconds, Meta(description="Seconds that one call to the model server may take.")
    ] = 10.0
    bind: Annotated[str, Meta(description="Address that search_api listens on.")] = "127.0.0.1:8080"
    workers: Annotated[Positive, Meta(description="Worker processes of search_api.")] = 2
    threads: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(description="Native threads a worker for decoding and search; 0: one a core."),
    ] = 0
    poll_seconds: Annotated[
        Seconds, Meta(description="Seconds between looks at CURRENT by search_api.")
    ] = 2.0
    max_body_bytes: Annotated[
        Positive, Meta(description="Largest body of a request; past it search_api answers 413.")
    ] = 32 * MEBIBYTE
    max_bodies_bytes: Annotated[
        Positive,
        Meta(description="Bodies of requests that a worker holds at once; past it 429."),
    ] = 256 * MEBIBYTE
    max_decoded_bytes: Annotated[
        Positive,
        Meta(description="Most memory that decoding one picture may take, from its header."),
    ] = 256_000_000

    request_seconds: Annotated[
        Seconds, Meta(description="Seconds that search_api may take over an answer.")
    ] = 10.0
    drain_seconds: Annotated[
        Annotated[float, Meta(ge=0, le=A_DAY)],
        Meta(
            description="Seconds that search_api goes on answering after it was told to stop, "
            "while /readyz says so; at least as long as it takes a load balancer to notice."
        ),
    ] = 0.0
    vector_cache_bytes: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(description="Memory a worker of search_api keeps vectors of pictures in; 0: none."),
    ] = 64 * MEBIBYTE
    recall_sample: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(
            description="One search of so many is made again, exactly, by search_api, off the "
            "request's path, to tell the recall of what is really asked; 0: none."
        ),
    ] = 1000
    log_format: Annotated[
        LogFormat,
        Meta(description="Of search_api's log: 'text', or 'json' for one object a line."),
    ] = "text"
    access_log: Annotated[
        AccessLog,
        Meta(
            description="Requests that search_api's log has a line for: 'all', those that 'failed' "
            "(400 and above), or none: 'off'."
        ),
    ] = "all"
    otlp_endpoint: Annotated[
        str,
        Meta(
            description="Base URL of a collector that search_api sends spans to (OTLP/HTTP), such "
            "as http://collector:4318; OTEL_EXPORTER_OTLP_ENDPOINT stands in for it. Empty: none."
        ),
    ] = ""
    api_keys: Annotated[
        str,
        Meta(
            description="File of search_api's keys (lookalike api-key makes its lines), or 'off': "
            "anybody may search, nobody may change anything. Empty: anybody may do everything, "
            "if no other machine can reach LOOKALIKE_BIND."
        ),
    ] = ""
    key_rate: Annotated[
        Annotated[float, Meta(ge=0)],
        Meta(description="Searches a second of a key whose line names no rate; 0: any number."),
    ] = 0.0
    url_hosts: Annotated[
        str,
        Meta(
            description="Hosts that searches by url may be fetched from, separated by commas: "
            "'images.example.com', '*.example.com' for all below it, or '*' for all, each "
            "with ':8443' for a port other than 80 and 443. Of public addresses only. Empty: "
            "such searches are off."
        ),
    ] = ""

    @property
    def scratch(self) -> Path:
        """Local folder for what a run needs and nobody after it (``files.scratch_folder``)."""
        return Path(self.cache) / "scratch"

    @property
    def service_url(self) -> str:
        """Where the service listens that is started with these settings.

        Raises:
            ConfigurationError: on a socket that is a file, or where no port says.
        """
        check_bind(self.bind)
        if self.bind.startswith(NO_ADDRESSES):
            raise ConfigurationError(
                f"{self.bind} is no address of a web server: name one by --url"
            )
        here = "127.0.0.1" if self.bind.startswith(":") else ""
        return f"http://{here}{self.bind}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read ``LOOKALIKE_*`` variables; raise ConfigurationError for one that is not valid.

        An empty one counts as not set where the default says something, and a path may begin
        with ``~``.
        """
        environment = os.environ if environment is None else environment
        known = _names()
        given = {name: environment[key] for key, name in STANDARD.items() if key in environment}
        given |= {known[key]: value for key, value in environment.items() if key in known}
        unset = {name for name, value in given.items() if not value and getattr(cls(), name) != ""}
        given = {name: value for name, value in given.items() if name not in unset}
        given = {"cache": cls().cache, **given}
        given |= {name: _expanded(name, given[name]) for name in PATHS & given.keys()}
        try:
            return msgspec.convert(given, cls, strict=False)
        except msgspec.ValidationError as error:
            wrong = misfit(error)
            choices = _choices(wrong.field)
            among = f": {', '.join(choices)}" if choices else ""
            raise ConfigurationError(
                f"{PREFIX}{wrong.field.upper()} {wrong.said}{among}"
            ) from error
        except UnicodeEncodeError as error:  # of a number or a choice; a path may have any bytes
            name = next(name for name, value in given.items() if value == error.object)
            raise ConfigurationError(f"{PREFIX}{name.upper()} is no text") from error


def unknown_names(environment: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Name the variables that look like settings and are none, each with the setting most like it.

    None: no setting is like it.
    """
    environment = os.environ if environment is None else environment
    known = [name.removeprefix(PREFIX) for name in _names()]
    given = (name.removeprefix(PREFIX) for name in environment if name.startswith(PREFIX))
    unknown = sorted(set(given) - set(known) - NO_SETTING)
    return {f"{PREFIX}{name}": _nearest(name, known) for name in unknown}


def _nearest(name: str, known: list[str]) -> str | None:
    found = get_close_matches(name, known, n=1)
    return f"{PREFIX}{found[0]}" if found else None


def check_otlp_endpoint(endpoint: str) -> None:
    """Raise ConfigurationError for what is no URL that spans can be sent to; empty means none."""
    if endpoint and not endpoint.startswith(WEB_SCHEMES):
        raise ConfigurationError(
            f"LOOKALIKE_OTLP_ENDPOINT is a URL of http or https, not {endpoint!r}"
        )


def check_model_server_rest(url: str, name: str = "LOOKALIKE_MODEL_SERVER_REST") -> None:
    """Raise ConfigurationError for what is no URL that a model server can be asked at.

    Args:
        url: of its REST API.
        name: of what says so.
    """
    if not url.startswith(WEB_SCHEMES):
        raise ConfigurationError(f"{name} is a URL of http or https, not {url!r}")


def check_bind(bind: str) -> None:
    """Raise ConfigurationError for an address to listen on that names no port."""
    _, colon, port = bind.rpartition(":")
    if not bind.startswith(NO_ADDRESSES) and not (colon and port.isdecimal()):
        raise ConfigurationError(
            f"LOOKALIKE_BIND is an address with its port, such as 127.0.0.1:8080, not {bind!r}"
        )


def _names() -> dict[str, str]:
    """Give the variable of each setting, with the setting's own name."""
    return {f"{PREFIX}{name.upper()}": name for name in Settings.__struct_fields__}


def _expanded(name: str, path: str) -> str:
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise ConfigurationError(
            f"nobody knows the home folder that {path} is in: set {PREFIX}{name.upper()}"
        ) from error


def _choices(field: str) -> tuple[str, ...]:
    """Name the values that a setting is chosen from; none where it is not."""
    annotation = get_type_hints(Settings).get(field)
    return get_args(annotation) if get_origin(annotation) is Literal else ()
