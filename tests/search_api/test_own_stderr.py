"""The log on stderr: of libraries, of a crash, and where nobody reads it or its disk is full."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from search_api import metrics, own_stderr

LOST = "lookalike_lost_log_lines_total"
BEGIN = """
import ctypes, faulthandler, logging, os
from search_api import logs, own_stderr
logs.configure("json")
faulthandler.enable()
own_stderr.start(parted=True)
own_stderr.start(parted=True)
"""
LIBRARY = r"""
os.write(2, b"libpng error: a\n\nCorrupt JPEG")
logging.getLogger("ours").info("between")
os.write(2, b" data: \xff\nno end" + b"x" * 10_000 + b"\n")
"""
# With Python's lock held, without which nobody could read what is written.
FLOOD = """
assert ctypes.PyDLL(None).write(2, b"x" * (1 << 22), 1 << 22) < 1 << 22
logging.getLogger("ours").info("alive")
"""
# While nobody reads: in the order of the two ways to the log.
UNREAD = """
for number in range(0, 20_000, 2):
    own_stderr.write(b'{"message":"%d"}\\n' % number)
    logging.getLogger("ours").info(number + 1)
print(own_stderr.lost(), flush=True)
input()
"""
FULL = """
import time
log, full = os.dup(own_stderr._own), os.open("/dev/full", os.O_WRONLY)
os.dup2(full, own_stderr._own)
os.write(2, b"libpng error: lost\\n")
while not own_stderr.lost():
    time.sleep(0.01)
os.dup2(log, own_stderr._own)
os.write(2, b"libpng error: kept\\n")
"""


def ran(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_each_line_of_a_library_is_an_object_of_the_log() -> None:
    said = ran(LIBRARY).stderr.splitlines()
    lines = [json.loads(line) for line in said]
    assert all({"time", "level", "logger", "message", "pid"} <= line.keys() for line in lines)
    told = [line["message"] for line in lines if line["logger"] == "stderr"]
    assert told[:2] == ["libpng error: a", r"Corrupt JPEG data: \xff"]
    assert told[2].startswith("no endxxx")
    assert ("ours", "between") in {(line["logger"], line["message"]) for line in lines}


def test_more_than_can_be_read_holds_nothing_up() -> None:
    assert '"message":"alive"' in ran(FLOOD).stderr


def test_a_log_that_nobody_reads_holds_nothing_up_and_keeps_its_order() -> None:
    command = [sys.executable, "-c", BEGIN + UNREAD]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as writer:
        assert writer.stdout is not None
        lost = int(writer.stdout.readline())  # it came to its end
        _, log = writer.communicate("\n", timeout=60)
    told = [int(json.loads(line)["message"]) for line in log.splitlines()]
    assert lost > 0
    assert len(told) == 20_000 - lost
    assert told == sorted(set(told))


def test_a_line_that_cannot_be_written_is_no_end_to_the_next() -> None:
    told = [json.loads(line)["message"] for line in ran(FULL).stderr.splitlines()]
    assert told == ["libpng error: kept"]


def test_a_process_without_the_thread_lets_go_of_a_line_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(own_stderr, "_own", full.fileno())
        own_stderr.write(b"a line\n")


def test_lines_that_were_lost_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    before = REGISTRY.get_sample_value(LOST) or 0
    for lost in (3, 3, 5):
        monkeypatch.setattr(own_stderr, "lost", lambda lost=lost: lost)
        metrics.note_request("GET", "/index", "200", 0.0)
    assert REGISTRY.get_sample_value(LOST) == before + 5


@pytest.mark.parametrize(
    ("crash", "told"),
    [
        ("raise RuntimeError('oh')", "RuntimeError: oh"),
        ("faulthandler._sigsegv()", "Segmentation fault"),
        ("os.abort()", "Aborted"),
    ],
)
def test_a_crash_is_told_with_its_traceback(crash: str, told: str) -> None:
    finished = ran(f"def broken():\n    {crash}\nbroken()")
    assert finished.returncode != 0
    assert told in finished.stderr
    assert "in broken" in finished.stderr
