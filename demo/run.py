"""The demo: every stage of the platform in turn, on sample pictures or one's own."""

import random
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import click

from demo.layout import GALLERY, QUERIES, Query, lay_out, sole_demo
from demo.processes import free_port, run_stage, running, wait_for
from demo.samples import sample_pictures
from lookalike.client import Answer, Client, ServiceError, score_of
from lookalike.contact_sheet import Tile, write_contact_sheet
from lookalike.errors import DataError
from lookalike.progress import working
from lookalike.settings import Settings

PICTURES = "pictures"  # below the demo's folder
SEED = 1
HITS = 6
MODEL_SERVER_SECONDS = 120
SERVICE_SECONDS = 60
# Settings that say where what the demo makes and runs is to be found.
PLACES = ("store", "model_server_rest", "model_server_grpc", "bind")


def run(
    pictures: Path | None, folder: Path, *, size: int, queries: int, check: bool, force: bool
) -> None:
    """Train, export, index, serve, search; then serve until Ctrl-C unless ``check``."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = Settings.from_environment()
    pictures = pictures or _samples(settings)
    with sole_demo(folder):
        held_out = lay_out(pictures, folder / PICTURES)
        chosen = random.Random(SEED).sample(held_out, min(queries, len(held_out)))  # noqa: S311
        environment = _environment(folder, settings)
        _train(folder / PICTURES, environment, size=size, force=force)
        _say("starting the model server")
        with running(["model-server"], environment) as model_server:
            model = f"{environment['LOOKALIKE_MODEL_SERVER_REST']}/v1/models/{settings.model}"
            wait_for(model, model_server, MODEL_SERVER_SECONDS)
            _serve(folder, environment, settings, chosen, check=check)


def _train(pictures: Path, environment: Mapping[str, str], *, size: int, force: bool) -> None:
    _say("training, and evaluating on the held-out pictures")
    folders = [str(pictures / GALLERY), "--validation", str(pictures / QUERIES)]
    run_stage(["train", *folders, "--size", str(size)], environment)
    _say("exporting the model, cut at dense_1")
    run_stage(["export-model", *(["--force"] if force else [])], environment)


def _serve(
    folder: Path,
    environment: dict[str, str],
    settings: Settings,
    chosen: Sequence[Query],
    *,
    check: bool,
) -> None:
    gallery = folder / PICTURES / GALLERY
    _say("embedding the gallery, building and publishing an index")
    # The store is the demo's own, and these may be fewer pictures than an earlier one's.
    run_stage(["reindex", str(gallery), "--allow-shrink"], environment)
    _say("starting the search service")
    with running(["serve"], environment) as service:
        url = f"http://{environment['LOOKALIKE_BIND']}"
        with working("waiting for the search service"):
            wait_for(f"{url}/readyz", service, SERVICE_SECONDS)
        search_all(chosen, url, gallery, folder / "contact-sheet.jpg")
        if not check:
            program = Path(sys.executable).with_name("lookalike")  # on no PATH, usually
            _say(f"serving at {url} until Ctrl-C; try: {program} search PICTURE --url {url}")
            click.echo(f"other commands, such as doctor, take: {needed(environment, settings)}")
            with suppress(KeyboardInterrupt):  # which is how it is to end
                service.wait()


def search_all(queries: Sequence[Query], url: str, gallery: Path, sheet: Path) -> None:
    """Post each query, print what came back, and draw the contact sheet."""
    client, rows = Client(url), []
    for query in queries:
        click.echo(f"\n{query.label}/{query.path.name}")
        try:
            answer = client.search(query.path.read_bytes(), k=HITS)
        except ServiceError as error:
            click.echo(f"    {error}")
            continue
        for hit in answer.results:
            click.echo(f"    {hit.distance:.3f}  {score_of(hit)}  {hit.label or '-':12} {hit.id}")
        rows.append([Tile(query.path, ["query", query.label]), *_tiles(query, answer, gallery)])
    if not rows:
        raise DataError("no search was answered; the service's own words stand above")
    write_contact_sheet(rows, sheet)
    click.echo(f"\nthe queries beside what was found for them: {sheet}")


def _tiles(query: Query, answer: Answer, gallery: Path) -> list[Tile]:
    return [
        Tile(gallery / hit.uri, [hit.label or "", f"{hit.distance:.3f}"], hit.label == query.label)
        for hit in answer.results
    ]


def _samples(settings: Settings) -> Path:
    _say("getting the sample pictures")
    return sample_pictures(Path(settings.cache))


def _environment(folder: Path, settings: Settings) -> dict[str, str]:
    """Settings of the demo's processes; ports move aside for servers that run already."""
    usual = Settings()
    bound = settings.bind if _port(settings.bind) else usual.bind
    preferred = usual.model_server_rest, usual.model_server_grpc, bound
    rest, grpc, bind = (free_port(_port(address)) for address in preferred)
    return {
        "LOOKALIKE_STORE": str(folder),
        "LOOKALIKE_MODEL_SERVER_REST": f"http://127.0.0.1:{rest}",
        "LOOKALIKE_MODEL_SERVER_GRPC": f"127.0.0.1:{grpc}",
        "LOOKALIKE_BIND": f"127.0.0.1:{bind}",
        # Its own searches are shown with what they found.
        "LOOKALIKE_ACCESS_LOG": "failed",
    }


def needed(environment: Mapping[str, str], settings: Settings) -> str:
    """Write the settings by which a command in another terminal finds what the demo runs."""
    usual = {f"LOOKALIKE_{name.upper()}": str(getattr(settings, name)) for name in PLACES}
    moved = {name: environment[name] for name in usual if environment[name] != usual[name]}
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in moved.items())


def _port(address: str) -> int:
    """Give an address' port; 0 where it names none."""
    port = address.rpartition(":")[2]
    return int(port) if port.isdecimal() else 0


def _say(what: str) -> None:
    click.echo(f"\n=== {what}")
