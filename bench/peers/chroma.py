"""chromadb: its own server, and its HTTP client."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import chromadb
from driver import K, Search, arguments, drive

NAME = "bench"
AT_ONCE = 5000


def main() -> None:
    """Serve the vectors by cosine, as its documentation shows, and search them."""
    vectors, queries = arguments()
    port = int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        program = Path(sys.executable).with_name("chroma")
        command = [program, "run", "--path", folder, "--port", str(port), "--host", "127.0.0.1"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _fill(_client(port), vectors)

            @contextmanager
            def connect() -> Iterator[Search]:
                collection = _client(port).get_collection(NAME)

                def search(vector):  # type: ignore[no-untyped-def]
                    found = collection.query(query_embeddings=[vector], n_results=K, include=[])
                    return [int(name) for name in found["ids"][0]]

                yield search

            drive(connect, queries)
        finally:
            server.terminate()
            server.wait()


def _fill(client, vectors) -> None:  # type: ignore[no-untyped-def]
    collection = client.create_collection(NAME, configuration={"hnsw": {"space": "cosine"}})
    for first in range(0, len(vectors), AT_ONCE):
        part = vectors[first : first + AT_ONCE]
        collection.add([str(row) for row in range(first, first + len(part))], embeddings=part)


def _client(port: int):  # type: ignore[no-untyped-def]
    settings = chromadb.Settings(anonymized_telemetry=False)
    end = time.monotonic() + 60
    while True:
        try:
            return chromadb.HttpClient("127.0.0.1", port, settings=settings)
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


main()
