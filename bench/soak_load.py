"""The soak's clients: each asks without end, and has every answer checked."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import msgspec
import numpy as np
import requests

from bench.photographs import commented
from bench.published import picture_id
from bench.soak_truth import Deleted, Truth
from lookalike.vectors import Vectors

K = 10
BATCH = 8
# What a service may say when it cannot: too much is asked, or the model server is away.
EXCUSED = frozenset({429, 503})
SECONDS = 30
# One picture in a hundred is hostile.
HOSTILE_EVERY = 100
DELETE_SECONDS = 2.0


class Tally:
    """What came of all requests; safe to share between threads."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self._lock = threading.Lock()

    def count(self, name: str) -> None:
        """Count one."""
        with self._lock:
            self.counts[name] += 1

    def fault(self, name: str, sentence: str) -> None:
        """Count one, and keep what was wrong."""
        with self._lock:
            self.counts[name] += 1
            self.faults.append(sentence)


class Clients:
    """Threads that ask one service until they are told to stop.

    Args:
        url: of the service.
        truth: what answers are held against.
        deleted: which pictures are.
        queries: ``float32[n, d]`` to search by.
        pictures: JPEG files with the vector that the model gives each.
        hostile: files that are no pictures.
    """

    def __init__(
        self,
        url: str,
        truth: Truth,
        deleted: Deleted,
        queries: Vectors,
        pictures: list[tuple[bytes, Vectors]],
        hostile: list[bytes],
    ) -> None:
        self._url, self._truth, self._deleted = url, truth, deleted
        self._queries, self._pictures, self._hostile = queries, pictures, hostile
        self._stop = threading.Event()
        self._numbers = count()
        self.tally = Tally()
        kinds = (self._by_vector, self._by_batch, self._by_picture, self._by_id, self._delete)
        self._threads = [threading.Thread(target=self._run, args=(kind,)) for kind in kinds]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, ask: Callable[[requests.Session, int], None]) -> None:
        with requests.Session() as session:
            for number in self._until_stopped():
                try:
                    ask(session, number)
                except requests.RequestException as error:
                    self.tally.fault("failed", f"{ask.__name__}: {error!r}")
                except Exception as error:  # noqa: BLE001  a client that ends would check no more
                    self.tally.fault("wrong", f"{ask.__name__}: {error!r}")

    def _until_stopped(self) -> Iterator[int]:
        return iter(lambda: next(self._numbers) if not self._stop.is_set() else -1, -1)

    def _by_vector(self, session: requests.Session, number: int) -> None:
        vector = self._queries[number % len(self._queries)]
        begun = time.monotonic()
        body = msgspec.json.encode({"vector": vector.tolist(), "k": K})
        answer = self._ask(session, "/search", body, "application/json")
        if answer is not None:
            self._check(answer, vector, begun)

    def _by_batch(self, session: requests.Session, number: int) -> None:
        chosen = [self._queries[(number + n) % len(self._queries)] for n in range(BATCH)]
        begun = time.monotonic()
        body = msgspec.json.encode({"queries": [{"vector": v.tolist(), "k": K} for v in chosen]})
        answer = self._ask(session, "/search/batch", body, "application/json")
        if answer is None:
            return
        outcomes = [outcome["answer"] for outcome in answer["outcomes"]]
        if len({one["index_version"] for one in outcomes}) != 1:
            self.tally.fault("wrong", "a batch of two versions")
        for one, vector in zip(outcomes, chosen, strict=True):
            self._check(one, vector, begun)

    def _by_picture(self, session: requests.Session, number: int) -> None:
        if number % HOSTILE_EVERY == 0:
            self._hostile_one(session, number)
            return
        picture, vector = self._pictures[number % len(self._pictures)]
        if number % 2:  # of its own digest, so that its vector is not remembered
            picture = commented(picture, number)
        begun = time.monotonic()
        answer = self._ask(session, f"/search?k={K}", picture, "image/jpeg")
        if answer is not None:
            self._check(answer, vector, begun)

    def _hostile_one(self, session: requests.Session, number: int) -> None:
        data = self._hostile[number // HOSTILE_EVERY % len(self._hostile)]
        status = self._post(session, "/search", data, "image/jpeg").status_code
        if status in EXCUSED:
            self.tally.count(str(status))
        elif 400 <= status < 500:
            self.tally.count("hostile")
        else:
            self.tally.fault("failed", f"a hostile picture got {status}")

    def _by_id(self, session: requests.Session, number: int) -> None:
        row = number * 7 % len(self._queries)
        gone, _ = self._deleted.rows(time.monotonic())
        begun = time.monotonic()
        body = msgspec.json.encode({"id": picture_id(row), "k": K})
        response = self._post(session, "/search", body, "application/json")
        if response.status_code == 404 and row in self._deleted.rows(time.monotonic())[1]:
            self.tally.count("deleted")
            return
        answer = self._answered(response)
        if answer is None:
            return
        if row in gone:
            self.tally.fault("wrong", f"{picture_id(row)} is searched by, and was deleted")
        self._check(answer, self._truth.vector(answer["index_version"], row), begun)

    def _delete(self, session: requests.Session, number: int) -> None:
        row = int(np.random.default_rng(number).integers(len(self._queries)))
        self._deleted.asked(row)
        response = session.delete(f"{self._url}/pictures/{picture_id(row)}", timeout=SECONDS)
        if response.status_code == 200:
            self._deleted.done(row)
            self.tally.count("deletions")
        else:
            self.tally.fault("failed", f"DELETE: {response.status_code} {response.text}")
        self._stop.wait(DELETE_SECONDS)

    def _ask(
        self, session: requests.Session, path: str, body: bytes, media_type: str
    ) -> dict[str, Any] | None:
        return self._answered(self._post(session, path, body, media_type))

    def _post(
        self, session: requests.Session, path: str, body: bytes, media_type: str
    ) -> requests.Response:
        headers = {"Content-Type": media_type}
        return session.post(self._url + path, body, headers=headers, timeout=SECONDS)

    def _answered(self, response: requests.Response) -> dict[str, Any] | None:
        if response.status_code == 200:
            answer: dict[str, Any] = response.json()
            return answer
        if response.status_code in EXCUSED:
            self.tally.count(str(response.status_code))
        else:
            self.tally.fault("failed", f"{response.status_code} {response.text}")
        return None

    def _check(self, answer: dict[str, Any], vector: Vectors, begun: float) -> None:
        fault = self._truth.fault(answer, vector, K, begun)
        if fault is None:
            self.tally.count("right")
        else:
            self.tally.fault("wrong", fault)
