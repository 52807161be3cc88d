"""What C libraries write to stderr, in a log of JSON; and what a crash leaves there."""

import json
import subprocess
import sys

import pytest

BEGIN = """
import ctypes, faulthandler, logging, os
from search_api import logs, own_stderr
logs.configure("json")
faulthandler.enable()
own_stderr.part()
own_stderr.part()
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
