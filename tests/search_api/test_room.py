"""Disks that fill up under a running service: told as what they are, and nothing is lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import requests

from lookalike.client import Client, ServiceError
from tests.disks import enlarge, fill, small_disk
from tests.pictures import write_pictures
from tests.search_api.test_search import encoded
from tests.services import models_served, publish_toy_model, run, search_service, status, until

FULL = "urn:lookalike:problem:store-full"


class Cramped(NamedTuple):
    """A service on small disks, and what an indexing job of the same store is told."""

    url: str
    store: Path
    cache: Path
    pictures: Path
    jobs: dict[str, str]


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[Cramped]:
    pictures = write_pictures(tmp_path / "pictures", labels=2, each=4)
    with (
        small_disk(tmp_path / "store", "4m") as store,
        small_disk(tmp_path / "cache", "4m") as cache,
    ):
        publish_toy_model(store)
        with models_served(store) as environment:
            jobs = {**environment, "LOOKALIKE_CACHE": str(tmp_path / "of jobs")}
            assert run(["reindex", str(pictures)], jobs).returncode == 0
            own = {**environment, "LOOKALIKE_CACHE": str(cache), "LOOKALIKE_WORKERS": "2"}
            with search_service(own, log := tmp_path / "log") as url:
                until(lambda: status(f"{url}/readyz") == 200, what="readiness")
                yield Cramped(url, store, cache, pictures, jobs)
            assert "Traceback" not in log.read_text()


def noise(seed: int, side: int = 400) -> bytes:
    drawn = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return encoded(".png", drawn)


def refusal(client: Client, *put: bytes) -> str:
    """Have a change refused; give the problem's type."""
    with pytest.raises(ServiceError) as told:
        client.put("one more", *put) if put else client.delete("sent 0")
    return str(told.value.problem["type"])


def test_a_full_store_takes_no_change_and_loses_none(cramped: Cramped) -> None:
    client, sent = Client(cramped.url), 3
    for number in range(sent):
        client.put(f"sent {number}", noise(number))
    ballast = fill(cramped.store)
    assert refusal(client) == refusal(client, noise(101, 8)) == FULL
    for number in range(sent):
        until(lambda number=number: client.search(noise(number), k=1).results[0].id)  # type: ignore[misc]
    ballast.unlink()
    client.delete("sent 0")
    until(lambda: client.search(noise(0), k=1).results[0].id != "sent 0", what="the deletion")
    assert not list(cramped.store.rglob("*.tmp*"))


def test_a_version_that_the_cache_has_no_room_for_waits_until_it_has(cramped: Cramped) -> None:
    client = Client(cramped.url)
    served = client.index()["version"]
    ballast = fill(cramped.cache)
    enlarge(cramped.store, "40m")
    assert run(["reindex", str(cramped.pictures), "--rebuild"], cramped.jobs).returncode == 0

    def problem() -> dict[str, object]:
        told: dict[str, object] = requests.get(f"{cramped.url}/readyz", timeout=10).json()
        return told["problem"] or {}  # type: ignore[return-value]

    until(lambda: problem().get("type") == FULL, what="the problem of either worker")
    assert "LOOKALIKE_CACHE" in str(problem().get("detail", "LOOKALIKE_CACHE"))
    assert {client.index()["version"] for _ in range(8)} == {served}
    assert client.search(noise(1), k=1).results
    ballast.unlink()
    until(lambda: served not in {client.index()["version"] for _ in range(8)}, 30, "the swap")
    until(lambda: not problem(), what="an end of the problem")
