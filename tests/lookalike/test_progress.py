import os
import pty
import subprocess
import sys

import pytest

from lookalike import progress
from lookalike.progress import Meter, track, working


def test_items_pass_through_in_order() -> None:
    assert list(track(range(5), "counting")) == [0, 1, 2, 3, 4]


def test_short_work_says_nothing_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    list(track(range(5), "counting"))
    assert capsys.readouterr().err == ""


def test_of_nothing_to_do_there_is_nothing_to_see(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        pytest.fail("a bar of nothing")

    monkeypatch.setattr(progress, "_TerminalBar", never)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(track([], "counting")) == []
    assert capsys.readouterr().err == ""


def test_long_work_writes_plain_lines_in_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    meter = Meter("embedding", 4)
    meter.add(3)
    meter.add(1)
    meter.close()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in lines] == ["embedding: 3/4", "embedding: 4/4"]


def test_what_an_earlier_run_did_counts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    meter = Meter("training", 9)
    for done in (5, 6):
        meter.reach(done)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in lines] == ["training: 5/9", "training: 6/9"]


def test_unmeasured_work_is_one_line_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with working("loading TensorFlow"):
        pass
    assert capsys.readouterr().err == "loading TensorFlow …\n"


def test_a_log_tells_the_time_that_is_left_and_what_else_there_is_to_say(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    meter = Meter("extracting", 4, note=lambda: "busy: reading 90%")
    meter.add(3)
    meter.add(1)
    meter.close()
    first, last = capsys.readouterr().err.splitlines()
    assert first.endswith(" left; busy: reading 90%)")
    assert last.endswith(", done; busy: reading 90%)")


def on_a_terminal(program: str) -> str:
    """Run a program that waits for a line on standard input; send it after three drawings."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "wb") as terminal:
        started = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stderr=terminal
        )
    seen = ""
    while seen.count("loading") < 3:
        seen += os.read(ours, 1 << 12).decode()
    started.communicate(b"\n")
    assert started.returncode == 0
    os.close(ours)
    return seen


@pytest.mark.parametrize("work", ["working('loading')", "closing(Meter('loading', 10))"])
def test_on_a_terminal_it_is_drawn_again_while_nothing_is_done(work: str) -> None:
    imports = "from contextlib import closing\nfrom lookalike.progress import Meter, working\n"
    assert "\r" in on_a_terminal(f"{imports}with {work}:\n    input()")


def test_on_a_terminal_it_is_drawn_also_while_standard_error_points_elsewhere() -> None:
    program = (
        "import os\n"
        "from lookalike.progress import working\n"
        "with working('loading'):\n"
        "    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)\n"
        "    input()\n"
    )
    assert "loading" in on_a_terminal(program)
