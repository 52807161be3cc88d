"""Bare Flask around a faiss call (bench/flask_faiss.py), by requests."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from bench.peers.driver import K, Search, arguments, drive


def main() -> None:
    """Search a server that is there already."""
    _, queries = arguments()

    @contextmanager
    def connect() -> Iterator[Search]:
        with requests.Session() as session:

            def search(vector: Any) -> list[int]:
                body = {"vector": vector.tolist(), "k": K}
                answer = session.post(f"{sys.argv[3]}/search", json=body, timeout=60)
                answer.raise_for_status()
                rows: list[int] = answer.json()["rows"]
                return rows

            yield search

    drive(connect, queries)


main()
