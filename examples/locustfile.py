"""Load on a search service, with Locust: people who search by a picture and click on what is found.

    pip install locust
    locust --locustfile examples/locustfile.py --host http://127.0.0.1:8080 --pictures photos

Then look at http://127.0.0.1:8089, or add --headless --users 20 --run-time 1m. LOOKALIKE_KEY is
sent where the service has keys. Requests that a full service turns away (429) are failures.
"""

import os
import random
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, events, task

HITS = 20


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_arguments(parser: ArgumentParser) -> None:
    """Ask for pictures to search with."""
    parser.add_argument(
        "--pictures",
        required=True,
        help="A folder of pictures to search with; each is sent as it is.",
    )


class Person(FastHttpUser):
    """Searches by a picture, clicks on some of what is found, and begins anew."""

    wait_time = between(0.2, 2)
    pictures: list[Path]

    def on_start(self) -> None:
        """Look which pictures there are, and who asks."""
        folder = Path(self.environment.parsed_options.pictures)
        self.pictures = [path for path in folder.rglob("*") if path.is_file()]
        self.key = os.environ.get("LOOKALIKE_KEY")
        self.found: list[str] = []

    @task(1)
    def search_by_picture(self) -> None:
        """Send a file."""
        picture = random.choice(self.pictures).read_bytes()
        kind = {"Content-Type": "application/octet-stream"}
        self._search("by picture", path=f"/search?k={HITS}", data=picture, headers=kind)

    @task(2)
    def click(self) -> None:
        """Search by a picture that was found."""
        if self.found:
            asked = {"id": random.choice(self.found), "k": HITS, "exclude_self": True}
            self._search("by id", path="/search", json=asked)

    def _search(self, name: str, *, path: str, **request: Any) -> None:
        headers = request.pop("headers", {})
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        with self.client.post(
            path, name=name, headers=headers, catch_response=True, **request
        ) as answer:
            if answer.status_code != 200:
                answer.failure(_reason(answer))
                return
            self.found = [hit["id"] for hit in answer.json()["results"]]


def _reason(answer: Any) -> str:
    """Name the kind of a failure, so that Locust counts equal ones together."""
    try:
        return f"{answer.status_code} {answer.json()['type'].rpartition(':')[2]}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.error or 'no answer'}"
