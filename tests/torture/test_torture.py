"""``lookalike torture`` against the real service, and against servers that fail it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tests.pictures import write_pictures
from tests.services import (
    models_served,
    publish_toy_model,
    run,
    run_here,
    search_service,
    status,
    until,
)
from torture.case import READ, Outcome
from torture.cli import DID_NOT_HOLD
from torture.corpus import corpus
from torture.run import MOST_BYTES
from torture.sending import Answer, ask
from torture.target import Target
from torture.watching import Workers, workers_of

KEY = "a-key-of-32-letters-or-more-0000000"
PATIENT = ["--most-seconds", "60", "--timeout", "60"]  # how fast it is, this machine cannot tell


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two workers under default limits."""
    root = tmp_path_factory.mktemp("torture")
    publish_toy_model(root / "store")
    pictures = write_pictures(root / "pictures")
    with models_served(root / "store") as environment:
        environment = {**environment, "LOOKALIKE_CACHE": str(root / "cache")}
        indexed = run(["reindex", str(pictures)], environment)
        assert indexed.returncode == 0, indexed.stderr
        log = root / "service.log"
        with search_service({**environment, "LOOKALIKE_WORKERS": "2"}, log) as url:
            until(lambda: status(f"{url}/readyz") == 200, what="readiness")
            until(lambda: len(seen(url).started) == 2, what="both workers")
            yield url
        assert "Traceback" not in log.read_text()


def seen(url: str) -> Workers:
    workers = workers_of(Target(url), 10)
    assert workers is not None
    return workers


def test_a_service_holds_and_loses_no_worker(service: str) -> None:
    before = seen(service)
    finished = run(["torture", "--url", service, "--json", *PATIENT], {}, timeout=500)
    assert finished.returncode == 0, finished.stderr
    assert "passed; 2 workers, at most" in finished.stderr
    after = seen(service)
    assert after.started == before.started
    assert 50_000_000 < after.most_bytes < MOST_BYTES
    told = json.loads(finished.stdout)
    assert told["passed"]
    assert [case["name"] for case in told["cases"]] == [case.name for case in corpus()]
    assert {case["status"] // 100 for case in told["cases"]} == {2, 4}
    answered = {case["name"]: (case["status"], case["problem"]) for case in told["cases"]}
    bombs = {name: told for name, told in answered.items() if name.startswith("bombs/")}
    assert {f"explain/{name.replace('/', '-')}": told for name, told in bombs.items()} == {
        name: told for name, told in answered.items() if name.startswith("explain/bombs-")
    }
    assert requests.get(f"{service}/readyz", timeout=10).status_code == 200


def test_kinds_are_chosen_and_another_seed_is_another_fuzz(service: str) -> None:
    arguments = ["torture", "--url", service, "--kinds", "fuzz,gif", "--seed", "7", "--fuzz", "40"]
    finished = run([*arguments, *PATIENT], {})
    assert finished.returncode == 0, finished.stdout
    rows = [line.split()[:3] for line in finished.stdout.splitlines()]
    assert ["fuzz", "40", "40"] in rows
    assert ["all", "55", "55"] in rows


@contextmanager
def pretender(answer: int, body: bytes = b"", media_type: str = "text/html") -> Iterator[str]:
    """Run a server that lives, and answers every search alike; it closes without one at 0."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self, code: int, content: bytes, kind: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            found = self.path == "/healthz"
            self.answer(200 if found else 404, b"{}", "application/json")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if answer:
                self.answer(answer, body, media_type)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


PROBLEM = b'{"type": "urn:lookalike:problem:%b", "status": 400}'


@pytest.mark.parametrize(
    ("status", "body", "media_type", "told"),
    [
        (500, b"", "text/html", "500 instead of 400"),
        (500, PROBLEM % b"internal-error", "application/problem+json", "500 internal-error"),
        (200, b"{}", "application/json", "200 instead of 400"),
        (400, PROBLEM % b"not-found", "application/problem+json", "400 not-found instead of 400"),
        (400, b"<h1>no</h1>", "text/html", "400 instead of 400"),
        (400, b"{", "application/problem+json", "cannot be read instead of 400"),
        (0, b"", "", "no answer (RemoteDisconnected"),
    ],
)
def test_wrong_answers_are_named_and_have_their_exit_code(
    status: int, body: bytes, media_type: str, told: str
) -> None:
    with pretender(status, body, media_type) as url:
        finished = run_here(["torture", "--url", url, "--kinds", "formats"], {})
    assert finished.returncode == DID_NOT_HOLD
    assert told in finished.stdout
    assert "FAILED; the workers cannot be seen" in finished.stdout


def test_a_report_for_programs_is_all_that_is_printed() -> None:
    with pretender(200) as url:
        finished = run_here(["torture", "--url", url, "--kinds", "formats", "--json"], {})
    assert finished.returncode == DID_NOT_HOLD
    told = json.loads(finished.stdout)
    assert not told["passed"]
    assert all(case["wrong"] for case in told["cases"])


def test_slow_answers_are_named_and_have_their_exit_code() -> None:
    with pretender(400, PROBLEM % b"not-a-picture", "application/problem+json") as url:
        arguments = ["torture", "--url", url, "--kinds", "formats", "--most-seconds", "1e-9"]
        finished = run_here(arguments, {})
    assert finished.returncode == DID_NOT_HOLD
    assert ": 400 not-a-picture as it should be, after" in finished.stdout


def test_where_nobody_answers_there_is_one_line() -> None:
    finished = run_here(["torture", "--url", "http://127.0.0.1:1"], {})
    assert finished.returncode == 7
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1", "127.0.0.1:80", "http://", "http://127.0.0.1:99999"]
)
def test_a_url_of_no_service_is_a_wrong_setting(url: str) -> None:
    finished = run_here(["torture", "--url", url], {})
    assert finished.returncode == 2
    assert "URL of a service" in finished.stderr


@pytest.mark.parametrize("key", ["k€y", "a\nb"])
def test_a_key_that_no_header_can_have_is_a_wrong_setting(key: str) -> None:
    finished = run_here(["torture", "--url", "http://127.0.0.1:1", "--key", key], {})
    assert finished.returncode == 2
    assert "--key is none" in finished.stderr


def test_what_a_key_s_rate_turns_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    limited, read = Answer(Outcome(429, "rate-limited"), 0.1), Answer(READ, 0.1)
    answers = [limited, limited, read]
    monkeypatch.setattr("torture.sending.send", lambda *_, **__: answers.pop(0))
    case = corpus(count=0)[0]
    assert ask(Target("http://127.0.0.1:1"), case, 1.0) == read


def test_an_unknown_kind_is_a_usage_error() -> None:
    finished = run_here(["torture", "--kinds", "bombs,spells"], {})
    assert finished.returncode == 2
    assert "bombs, " in finished.stderr
    assert "'spells'" in finished.stderr


def test_the_corpus_is_written_with_an_index(tmp_path: Path) -> None:
    kinds = ["gif", "requests", "fuzz"]
    finished = run_here(
        ["torture", "--write", str(tmp_path), "--kinds", ",".join(kinds), "--fuzz", "3"], {}
    )
    assert finished.returncode == 0, finished.stderr
    index = json.loads((tmp_path / "index.json").read_text())
    cases = [case for case in corpus(0, 3) if case.name.partition("/")[0] in kinds]
    assert [entry["file"] for entry in index] == [f"{case.name}{case.suffix}" for case in cases]
    for entry, case in zip(index, cases, strict=True):
        assert (tmp_path / entry["file"]).read_bytes() == case.make()
        outcomes = {(found["status"], found["problem"]) for found in entry["expected"]}
        assert outcomes == set(case.expected)
