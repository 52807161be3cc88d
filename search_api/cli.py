"""``lookalike serve`` and ``lookalike search``; imports nothing heavy before they run."""

import os
import sys
from pathlib import Path

import click

from lookalike.settings import Settings

CONFIGURATION = Path(__file__).with_name("gunicorn_conf.py")


@click.command()
@click.option("--bind", help="Address to listen on; LOOKALIKE_BIND, 127.0.0.1:8080 by default.")
@click.option("--workers", type=click.IntRange(1), help="Worker processes; LOOKALIKE_WORKERS.")
def serve(bind: str | None, workers: int | None) -> None:
    """Answer POST /search under gunicorn with gevent workers.

    Searches are answered once an index is published and the model server has the model
    that it names; until then they get a 503 that says what is missing (GET /readyz).
    """
    Settings.from_environment()  # a wrong setting is one line here, not a worker's traceback
    flags = ["--bind", bind] if bind else []
    flags += ["--workers", str(workers)] if workers else []
    command = [sys.executable, "-m", "gunicorn", "-c", str(CONFIGURATION), *flags]
    os.execv(sys.executable, command)  # noqa: S606  signals must reach gunicorn itself


@click.command()
@click.argument("picture", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("-k", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option("--url", help="The service; http://LOOKALIKE_BIND by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the service's answer as it is.")
def search(picture: Path, k: int, url: str | None, as_json: bool) -> None:
    """Ask a running service for the pictures that look like PICTURE."""
    from lookalike.client import Client

    client = Client(url or f"http://{Settings.from_environment().bind}")
    answer = client.search(picture.read_bytes(), k=k)
    if as_json:
        click.echo(answer.raw)
        return
    for place, hit in enumerate(answer.results, start=1):
        click.echo(f"{place:4}  {hit.distance:.4f}  {hit.label or '-':16} {hit.id}")
    click.echo(
        f"index {answer.index_version}, model {answer.model_version}, "
        f"{answer.took_ms['total']:.1f} ms"
    )
