"""Asks one engine from this process, with so many clients at once as it is told.

The protocol is lines of JSON: at first, to stdout, what each query found; then for each line
``{"clients": n, "count": m}`` on stdin the seconds that each of m searches took.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

K = 10

Search = Callable[[Any], Sequence[int]]
# Opens one client's connection; gives what searches by a vector, and gives row numbers.
Connect = Callable[[], AbstractContextManager[Search]]


def arguments() -> tuple[Any, Any]:
    """Give the vectors and the queries, ``float32[n, d]``, that the command line names."""
    vectors, queries = (np.load(Path(name)) for name in sys.argv[1:3])
    return vectors, queries


def drive(connect: Connect, queries: Any) -> None:
    """Speak the protocol until stdin ends."""
    with connect() as search:
        _say([list(map(int, search(query))) for query in queries])
    for line in sys.stdin:
        asked = json.loads(line)
        _say(_all(connect, queries, asked["clients"], asked["count"]))


def _all(connect: Connect, queries: Any, clients: int, searches: int) -> list[float]:
    numbers, took = count(), []
    ready, lock = threading.Barrier(clients), threading.Lock()

    def client() -> None:
        own = []
        with connect() as search:
            search(queries[0])
            ready.wait()
            while True:
                with lock:
                    number = next(numbers)
                if number >= searches:
                    break
                begun = time.perf_counter()
                search(queries[number % len(queries)])
                own.append((begun, time.perf_counter()))
        took.append(own)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans = [span for own in took for span in own]
    whole = max(end for _, end in spans) - min(begun for begun, _ in spans)
    return [whole, *(end - begun for begun, end in spans)]


def _say(message: object) -> None:
    print(json.dumps(message), flush=True)
