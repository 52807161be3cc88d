"""Lookalike, by its client."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.peers.driver import K, Search, arguments, drive
from lookalike.client import Client


def main() -> None:
    """Search a service that is there already."""
    _, queries = arguments()

    @contextmanager
    def connect() -> Iterator[Search]:
        client = Client(sys.argv[3])

        def search(vector: Any) -> list[int]:
            answer = client.search(vector=vector, k=K, fields=["id"])
            return [int(hit.id) for hit in answer.results]

        yield search

    drive(connect, queries)


main()
