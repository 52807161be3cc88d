"""Index a folder of pictures, and print those that are copies of each other, a group a line.

    python examples/find_duplicates.py photos

A model server and a search service must be running ('lookalike model-server', 'lookalike serve').
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from lookalike.catalogue import Folder
from lookalike.client import Client, ServiceError
from lookalike.settings import Settings
from lookalike.store import open_indexes

PATIENCE_SECONDS = 60


def main() -> None:
    """Read the arguments, index, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="Labelled folders of pictures.")
    parser.add_argument("--distance", type=float, default=0.2, help="Farthest that copies lie.")
    settings = Settings.from_environment()
    parser.add_argument("--url", default=settings.service_url, help="The search service.")
    given = parser.parse_args()
    reindex = [sys.executable, "-m", "lookalike", "reindex", given.folder]
    subprocess.run(reindex, check=True, stdout=sys.stderr)
    client = Client(given.url, key=os.environ.get("LOOKALIKE_KEY"))
    wait_until_served(client, settings)
    for group in groups(client, given.folder, given.distance):
        print("\t".join(group))


def wait_until_served(client: Client, settings: Settings) -> None:
    """Wait until the service answers from what was just published."""
    current = open_indexes(settings.store, settings.index).current()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (served := client.index()["version"]) != current:
        if time.monotonic() > deadline:
            sys.exit(f"the service answers from {served}, not from {current}: is it of this store?")
        time.sleep(0.2)


def groups(client: Client, folder: Path, distance: float) -> Iterator[list[str]]:
    """Yield the ids of pictures that are copies of each other, each once."""
    seen: set[str] = set()
    for picture in Folder(folder):
        if picture.id in seen:
            continue
        try:
            found = client.duplicates(picture.id, distance=distance).duplicates
        except ServiceError as error:
            if not str(error.problem.get("type")).endswith(":picture-not-found"):
                raise
            print(f"{picture.id}: {error}", file=sys.stderr)  # without a vector it is no copy
            continue
        group = [picture.id, *(one.id for one in found if one.id not in seen)]
        seen.update(group)
        if len(group) > 1:
            yield group


if __name__ == "__main__":
    main()
