"""The same vectors and queries through what a user would pick instead, each by its own client.

One client at a time, and 32 at once; every engine answers with recall@10 of .95 or more.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import flask_faiss, published
from bench.command import Plan, command
from bench.facts import Fact
from bench.harness import Candidate
from bench.served_models import NAME, model_server
from bench.servers import gunicorn, lookalike
from bench.synthetic import features
from demo.processes import free_port
from lookalike.progress import working
from lookalike.settings import Settings
from lookalike.store import open_indexes
from lookalike.vectors import Vectors, prepared

SIZE = 32
VECTORS, QUERIES = 100_000, 500
K = 10
CLIENTS = (1, 32)
PEERS = Path(__file__).with_name("peers")
# Candidates that a graph looks at: so many that recall@10 is at least .95, not many more.
EFFORT = {"lancedb": 60, "pgvector": 60}
WORKERS = 2


class Engine:
    """A program of ``bench/peers``, ready to be asked.

    Args:
        command_line: starts it.
        environment: of its process.
    """

    def __init__(self, command_line: Sequence[str], environment: Mapping[str, str]) -> None:
        self._program = " ".join(command_line)
        self._process = subprocess.Popen(
            command_line,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.found: list[list[int]] = self._read()

    def ask(self, clients: int, count: int) -> list[float]:
        """Search ``count`` times; give the seconds of all together, then of each."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"clients": clients, "count": count}) + "\n")
        self._process.stdin.flush()
        took: list[float] = self._read()
        return took

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"{self._program} ended"
        return json.loads(line)


@contextmanager
def alternatives(quick: bool) -> Iterator[Plan]:
    """Start everything, index the same vectors in each, and measure each one's recall."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        everything = features(2000 if quick else VECTORS + QUERIES)
        queries = everything[-(50 if quick else QUERIES) :]
        vectors = everything[: len(everything) - len(queries)]
        np.save(folder / "vectors.npy", vectors)
        np.save(folder / "queries.npy", queries)
        engines = _engines(folder, vectors, stack)
        count = 64 if quick else 1000
        facts = [_recall(name, engine, vectors, queries) for name, engine in engines.items()]
        yield Plan(
            item="searches",
            rounds=2 if quick else 5,
            candidates=[
                Candidate(
                    name=f"{name}.clients{clients}",
                    items=count,
                    run=partial(engine.ask, clients, count),
                    baseline=None if name == "lookalike" else f"lookalike.clients{clients}",
                )
                for clients in CLIENTS
                for name, engine in engines.items()
            ],
            facts=facts,
        )


def _engines(folder: Path, vectors: Vectors, stack: ExitStack) -> dict[str, Engine]:
    with working("making the environment of the peers"):
        python = _environment()
    files = [str(folder / "vectors.npy"), str(folder / "queries.npy")]

    def started(name: str, program: Callable[[], list[str]]) -> Engine:
        with working(f"indexing with {name}"):
            engine = Engine(program(), os.environ)
        stack.callback(engine.close)
        return engine

    def peer(program: str, *arguments: str) -> list[str]:
        return [python, str(PEERS / program), *files, *arguments]

    def own(program: str, url: str) -> list[str]:
        return [sys.executable, "-m", f"bench.peers.{program}", *files, url]

    ours, bare = _services(folder, vectors, stack)
    return {
        "lookalike": started("lookalike", lambda: own("ours", ours)),
        "flask": started("flask", lambda: own("bare", bare)),
        "chromadb": started("chromadb", lambda: peer("chroma.py", str(free_port(0)))),
        "lancedb": started("lancedb", lambda: peer("lance.py", str(EFFORT["lancedb"]))),
        "pgvector": started("pgvector", lambda: peer("postgres.py", str(EFFORT["pgvector"]))),
    }


def _services(folder: Path, vectors: Vectors, stack: ExitStack) -> tuple[str, str]:
    """Run the service and bare Flask, around one index; give their URLs."""
    with working("writing the model"):
        model = published.write_model(folder, SIZE)
    ports = stack.enter_context(model_server(folder / "models" / NAME))
    rest = f"http://127.0.0.1:{ports.rest}"
    details = published.publish(folder, model, published.probe_of(model, rest), vectors)
    version = open_indexes(str(folder), published.INDEX).current()
    environment = {
        **os.environ,
        "LOOKALIKE_STORE": str(folder),
        "LOOKALIKE_CACHE": str(folder / "cache"),
        "LOOKALIKE_MODEL": NAME,
        "LOOKALIKE_MODEL_SERVER_REST": rest,
        **flask_faiss.settings(folder / "indexes" / published.INDEX / version, details),
    }
    _, ours = stack.enter_context(lookalike(environment, WORKERS))
    flags = ["-k", "gevent", "--workers", str(WORKERS), "bench.flask_faiss:create_app()"]
    _, bare = stack.enter_context(gunicorn(environment, flags, "/static/nothing"))
    return f"http://127.0.0.1:{ours}", f"http://127.0.0.1:{bare}"


def _recall(name: str, engine: Engine, vectors: Vectors, queries: Vectors) -> Fact:
    similar = prepared(queries, published.METRIC) @ prepared(vectors, published.METRIC).T
    truth = np.argpartition(-similar, K, axis=1)[:, :K]
    found = zip(engine.found, truth, strict=True)
    recall = sum(len(set(one) & set(true.tolist())) for one, true in found) / truth.size
    return Fact(name=f"{name}.recall", value=recall, unit="recall@10")


def _environment() -> str:
    """Make the peers' own virtual environment, once; give its Python."""
    folder = Path(Settings.from_environment().cache) / "bench" / "peers"
    python, done = folder / "bin" / "python", folder / "requirements.txt"
    wanted = (PEERS / "requirements.txt").read_text()
    if not done.is_file() or done.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
        subprocess.run([python, *install, PEERS / "requirements.txt"], check=True)
        done.write_text(wanted)
    return str(python)


main = command("alternatives", alternatives)

if __name__ == "__main__":
    main()
