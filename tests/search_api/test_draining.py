"""The end of the service under load: /readyz turns first, all is answered, nobody is reset."""

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from demo.processes import free_port
from tests.search_api.conftest import Stack
from tests.search_api.raw_client import Connection, Ended, Refused
from tests.services import process, status, until

LONG = "3600"


class Running(NamedTuple):
    """A service of two workers, and its master."""

    address: tuple[str, int]
    master: subprocess.Popen[bytes]
    log: Path

    def ready(self) -> int:
        with closing(Connection(self.address)) as connection:
            return connection.get("/readyz")[0]


@contextmanager
def running(stack: Stack, folder: Path, drain_seconds: str) -> Iterator[Running]:
    port, log = free_port(0), folder / "log"
    environment = {
        **stack.environment,
        "LOOKALIKE_BIND": f"127.0.0.1:{port}",
        "LOOKALIKE_WORKERS": "2",
        "LOOKALIKE_DRAIN_SECONDS": drain_seconds,
    }
    with process(["serve"], environment, log) as master:
        until(lambda: status(f"http://127.0.0.1:{port}/readyz") == 200, what="readiness")
        yield Running(("127.0.0.1", port), master, log)


class Load:
    """Clients that search until nobody listens; what they met, in order."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self.met: list[object] = []
        ways = [self._each_anew] * 3 + [self._kept_open] * 3 + [self._ask_ready]
        self._threads = [threading.Thread(target=self._run, args=[way]) for way in ways]
        for thread in self._threads:
            thread.start()

    def ended(self) -> list[object]:
        for thread in self._threads:
            thread.join()
        return self.met

    def _run(self, way: Callable[[], None]) -> None:
        while True:
            try:
                way()
            except Refused:
                self.met.append("refused")
                return
            except Exception as error:  # noqa: BLE001  it is what the test looks at
                self.met.append(error)
                return

    def _each_anew(self) -> None:
        with closing(Connection(self._address)) as connection:
            self.met.append(connection.search()[0])

    def _kept_open(self) -> None:
        with closing(Connection(self._address)) as connection:
            while connection.kept and not connection.has_ended():
                self.met.append(connection.search()[0])

    def _ask_ready(self) -> None:
        with closing(Connection(self._address)) as connection:
            code, document = connection.get("/readyz")
            kind = document.get("type", "").rpartition(":")[2]
            self.met.append(f"ready {code} {kind}".strip())


def test_under_load_readiness_turns_first_and_nobody_is_reset(stack: Stack, tmp_path: Path) -> None:
    with running(stack, tmp_path, "2") as service:
        load = Load(service.address)
        until(lambda: "ready 200" in load.met and load.met.count(200) > 50, what="load")
        service.master.terminate()
        met = load.ended()
        assert service.master.wait(60) == 0
    answered = {200, 429}  # on a busy machine a worker turns some away
    ends = {"refused", "ready 200", "ready 503 stopping"}
    assert ends < set(met) <= ends | answered, Counter(map(repr, met))
    turned, refused = met.index("ready 503 stopping"), met.index("refused")
    assert "ready 200" not in met[turned:]
    assert 200 in met[turned:refused]
    assert "Traceback" not in service.log.read_text()
    assert "graceful timeout" not in service.log.read_text()


def test_a_kept_connection_is_answered_or_closed_before_it_is_asked(
    stack: Stack, tmp_path: Path
) -> None:
    asked: list[object] = []

    def once(connection: Connection, pause: float) -> None:
        time.sleep(pause)
        try:
            asked.append("closed" if connection.has_ended() else connection.search()[0])
        except (Ended, OSError) as error:
            asked.append(error)

    with running(stack, tmp_path, "0.5") as service:
        pauses = [4 * n / 200 for n in range(200)]
        connections = [Connection(service.address) for _ in pauses]
        assert {connection.search()[0] for connection in connections} == {200}
        threads = [
            threading.Thread(target=once, args=each)
            for each in zip(connections, pauses, strict=True)
        ]
        service.master.terminate()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert service.master.wait(60) == 0
        for connection in connections:
            connection.close()
    assert set(asked) == {200, "closed"}, Counter(map(repr, asked))


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_waiting(
    stack: Stack, tmp_path: Path, second: signal.Signals
) -> None:
    with running(stack, tmp_path, LONG) as service:
        service.master.terminate()
        until(lambda: service.ready() == 503, what="the turn of /readyz")
        service.master.send_signal(second)
        assert service.master.wait(60) == 0


@pytest.mark.long
def test_ctrl_c_waits_for_nothing(stack: Stack, tmp_path: Path) -> None:
    with running(stack, tmp_path, LONG) as service:
        os.killpg(service.master.pid, signal.SIGINT)
        assert service.master.wait(60) == 0


def test_a_worker_that_ends_alone_leaves_the_service_ready(stack: Stack, tmp_path: Path) -> None:
    with running(stack, tmp_path, "0") as service:
        children = Path(f"/proc/{service.master.pid}/task/{service.master.pid}/children")
        until(lambda: len(children.read_text().split()) == 2, what="both workers")
        first, _ = before = children.read_text().split()
        os.kill(int(first), signal.SIGTERM)
        seen = set()

        def replaced() -> bool:
            seen.add(service.ready())
            now = children.read_text().split()
            return len(now) == len(before) and first not in now

        until(replaced, what="another worker")
        assert seen == {200}
