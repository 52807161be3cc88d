"""``lookalike serve`` and ``lookalike search``; imports nothing heavy before they run."""

import json
import os
import secrets
import sys
from pathlib import Path

import click

from lookalike.flags import Number, json_flag, service_flags
from lookalike.key_file import Rate, Scope, add_line, line_of
from lookalike.settings import Settings, check_model_server_rest

KEY_BYTES = 32
RATE = Number(0, min_open=True)
CONFIGURATION = Path(__file__).with_name("gunicorn_conf.py")


@click.command()
@click.option("--bind", help="Address to listen on; LOOKALIKE_BIND, 127.0.0.1:8080 by default.")
@click.option("--workers", type=click.IntRange(1), help="Worker processes; LOOKALIKE_WORKERS.")
def serve(bind: str | None, workers: int | None) -> None:
    """Answer POST /search under gunicorn with gevent workers.

    Searches are answered once an index is published and the model server has the model
    that it names; until then they get a 503 that says what is missing (GET /readyz).
    """
    from search_api import tracing
    from search_api.keys import Keys
    from search_api.listening import check_free
    from search_api.remote import Hosts

    given = {"LOOKALIKE_BIND": bind, "LOOKALIKE_WORKERS": workers and str(workers)}
    os.environ.update({name: value for name, value in given.items() if value})
    # A wrong setting is one line here, not a worker's traceback.
    settings = Settings.from_environment()
    Keys.of(settings)
    Hosts.of(settings.url_hosts)
    tracing.check(settings)
    check_model_server_rest(settings.model_server_rest)
    check_free(settings.bind)
    command = [sys.executable, "-m", "gunicorn", "-c", str(CONFIGURATION)]
    os.execv(sys.executable, command)  # noqa: S606  signals must reach gunicorn itself


@click.command(name="api-key")
@click.argument("name")
@click.option(
    "--admin", is_flag=True, help="It may put and delete pictures, and operate the index, too."
)
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Append the key's line to this file, and print the key alone.",
)
@click.option("--rate", type=RATE, help="Searches a second; LOOKALIKE_KEY_RATE by default.")
@click.option("--burst", type=click.IntRange(1), help="Searches at once; a second's by default.")
@json_flag("key and line")
def api_key(
    name: str,
    admin: bool,
    path: Path | None,
    rate: float | None,
    burst: int | None,
    as_json: bool,
) -> None:
    """Make an API key called NAME for a service with LOOKALIKE_API_KEYS.

    The service's file holds no key, but a line with its SHA-256; the key itself is shown
    once, here.
    """
    scopes: list[Scope] = ["search", "admin"] if admin else ["search"]
    key = secrets.token_urlsafe(KEY_BYTES)
    if not name.isprintable() or len(name.split()) != 1 or name.startswith("#"):
        raise click.UsageError("NAME is one word")
    if burst is not None and rate is None:
        raise click.UsageError("--burst goes with --rate")
    line = line_of(name, scopes, key, None if rate is None else Rate.of(rate, burst))
    if path is not None:
        add_line(path, line)
    if as_json:
        click.echo(json.dumps({"name": name, "key": key, "line": line}))
    elif path is not None:
        click.echo(key)
    else:
        click.echo(f"key, for the client:     {key}")
        click.echo(f"line, for the service:   {line}")


@click.command()
@click.argument("picture", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("-k", type=click.IntRange(1, 1000), default=10, show_default=True)
@service_flags
@json_flag("the service's own answer")
def search(picture: Path, k: int, url: str | None, key: str | None, as_json: bool) -> None:
    """Ask a running service for the pictures that look like PICTURE."""
    from lookalike.client import Client, score_of

    try:
        client = Client(url or Settings.from_environment().service_url, key=key)
    except ValueError as error:
        raise click.UsageError(f"--url: {error}") from error
    answer = client.search(picture.read_bytes(), k=k)
    if as_json:
        click.echo(answer.raw)
        return
    click.echo("      distance  score  label            id")
    for place, hit in enumerate(answer.results, start=1):
        click.echo(
            f"{place:4}    {hit.distance:.4f}  {score_of(hit)}  {hit.label or '-':16} {hit.id}"
        )
    click.echo(
        f"index {answer.index_version}, model {answer.model_version}, "
        f"{answer.took_ms['total']:.1f} ms"
    )
