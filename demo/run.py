"""The demo: every stage of the platform in turn, on sample pictures or one's own."""

import os
import random
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import click
import msgspec

from demo.processes import free_port, run_stage, running, wait_for
from demo.samples import sample_pictures
from lookalike.catalogue import Folder, Picture
from lookalike.client import Answer, Client, ServiceError, score_of
from lookalike.contact_sheet import Tile, write_contact_sheet
from lookalike.errors import DataError
from lookalike.progress import working
from lookalike.settings import Settings

GALLERY, QUERIES = "gallery", "queries"  # folders of the pictures
HELD_OUT = 0.3
SEED = 1
HITS = 6
MODEL_SERVER_SECONDS = 120
SERVICE_SECONDS = 60
# Settings that say where what the demo makes and runs is to be found.
PLACES = ("store", "model_server_rest", "model_server_grpc", "bind")


class Query(msgspec.Struct, frozen=True):
    """A held-out picture that the demo asks about."""

    path: Path
    label: str


def run(
    pictures: Path | None, folder: Path, *, size: int, queries: int, check: bool, force: bool
) -> None:
    """Train, export, index, serve, search; then serve until Ctrl-C unless ``check``."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = Settings.from_environment()
    pictures = pictures or _samples(settings)
    laid_out = folder / "pictures"
    held_out = split(pictures, laid_out)
    environment = _environment(folder, settings)
    gallery, validation = str(laid_out / GALLERY), str(laid_out / QUERIES)
    _say("training, and evaluating on the held-out pictures")
    run_stage(["train", gallery, "--validation", validation, "--size", str(size)], environment)
    _say("exporting the model, cut at dense_1")
    run_stage(["export-model", *(["--force"] if force else [])], environment)
    _say("starting the model server")
    with running(["model-server"], environment) as model_server:
        model = f"{environment['LOOKALIKE_MODEL_SERVER_REST']}/v1/models/{settings.model}"
        wait_for(model, model_server, MODEL_SERVER_SECONDS)
        _say("embedding the gallery, building and publishing an index")
        run_stage(["reindex", gallery], environment)
        _say("starting the search service")
        with running(["serve"], environment) as service:
            url = f"http://{environment['LOOKALIKE_BIND']}"
            with working("waiting for the search service"):
                wait_for(f"{url}/readyz", service, SERVICE_SECONDS)
            chosen = random.Random(SEED).sample(held_out, min(queries, len(held_out)))  # noqa: S311
            search_all(chosen, url, Path(gallery), folder / "contact-sheet.jpg")
            if not check:
                program = Path(sys.executable).with_name("lookalike")  # on no PATH, usually
                _say(f"serving at {url} until Ctrl-C; try: {program} search PICTURE --url {url}")
                click.echo(f"other commands, such as doctor, take: {needed(environment, settings)}")
                with suppress(KeyboardInterrupt):  # which is how it is to end
                    service.wait()


def split(pictures: Path, target: Path) -> list[Query]:
    """Lay out ``gallery`` and ``queries`` below ``target``, linked; give the held-out queries.

    The split follows from the names alone, so that a second run finds its work done.
    """
    shutil.rmtree(target, ignore_errors=True)
    by_label: dict[str, list[Picture]] = {}
    for picture in Folder(pictures):
        if picture.label is not None:
            by_label.setdefault(picture.label, []).append(picture)
    held_out = []
    for label, of_label in sorted(by_label.items()):
        random.Random(f"{SEED} {label}").shuffle(of_label)  # noqa: S311
        count = max(1, round(HELD_OUT * len(of_label)))
        for picture in of_label[count:]:
            _link(picture.path, target / GALLERY / picture.id)
        held_out += [
            Query(_link(picture.path, target / QUERIES / picture.id), label)
            for picture in of_label[:count]
        ]
    if not held_out:
        raise DataError(f"{pictures} holds no labelled folders of pictures")
    return held_out


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


def _link(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or another user's file
        shutil.copyfile(source, target)
    return target


def _environment(folder: Path, settings: Settings) -> dict[str, str]:
    """Settings of the demo's processes; ports move aside for servers that run already."""
    usual = Settings()
    preferred = usual.model_server_rest, usual.model_server_grpc, settings.bind
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
    return int(address.rpartition(":")[2])


def _say(what: str) -> None:
    click.echo(f"\n=== {what}")
