import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from lookalike import cli
from lookalike.errors import StoreError

HEAVY = ("tensorflow", "keras", "faiss", "grpc", "pyarrow", "flask", "gevent", "onnx")
COMMANDS = [
    "train",
    "evaluate",
    "export-model",
    "reindex",
    "index",
    "plan",
    "model-server",
    "serve",
    "search",
    "demo",
    "torture",
]


# What it gives back at its end, such as a lock of the store, it gives back when it is told to end.
NAP = """
import time, click
from lookalike import cli

def nap():
    try:
        print("napping", flush=True)
        time.sleep(60)
    finally:
        print("given back", flush=True)

cli.Rooms.get_command = lambda *_: click.Command("nap", callback=nap)
cli.main(["nap"])
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lookalike", *arguments], capture_output=True, text=True, check=False
    )


def test_help_lists_every_room_s_commands() -> None:
    finished = run("--help")
    assert finished.returncode == 0
    assert all(f"  {name} " in finished.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_imports_nothing_heavy(command: str) -> None:
    program = (
        "import sys\n"
        "from lookalike.cli import main\n"
        "try:\n"
        f"    main([{command!r}, '--help'])\n"
        "except SystemExit as done:\n"
        f"    print('heavy:', [m for m in {HEAVY!r} if m in sys.modules], done.code)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout.splitlines()[-1] == "heavy: [] 0"


def test_an_unknown_command_is_a_usage_error() -> None:
    finished = run("serach")
    assert finished.returncode == 2
    assert "No such command 'serach'" in finished.stderr


def test_a_failure_is_one_line_with_its_type_and_an_exit_code(tmp_path: object) -> None:
    finished = run("export-model", "--model", f"{tmp_path}/none.keras")
    assert finished.returncode == 2
    assert finished.stderr.count("\n") == 1
    assert "train a model first [bad-configuration]" in finished.stderr


@pytest.mark.parametrize("place", [0, 1, 3])
def test_debug_shows_the_traceback(tmp_path: object, place: int) -> None:
    arguments = ["export-model", "--model", f"{tmp_path}/none.keras"]
    finished = run(*arguments[:place], "--debug", *arguments[place:])
    assert "Traceback" in finished.stderr


def test_what_nobody_foresaw_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr(cli.lookalike, "main", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main(["train"])
    assert ended.value.code == 1
    told = "lookalike: an unexpected failure, RuntimeError: the sky fell"
    assert capsys.readouterr().err.startswith(told)


def test_a_package_that_is_not_there_is_named() -> None:
    program = (
        "import sys; sys.modules['gunicorn'] = sys.modules['search_api.keys'] = None\n"
        "from lookalike.cli import main; main(['serve'])"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert "'lookalike[search]'" in finished.stderr


def test_a_terminal_of_few_letters_ends_nothing() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "lookalike", "plan", "--pictures", "1M"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (
            errno.ENOSPC,
            r"there is no room below .*make some and run the same command.* \[store-full\]",
        ),
        (errno.EROFS, r"/there cannot be used \(.*\): see to its rights \[store-error\]"),
        (errno.ENOTDIR, r"/there cannot be used \(.*\): is it the path .* \[store-error\]"),
    ],
)
def test_a_disk_that_takes_nothing_is_one_line_too(
    number: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/there")

    monkeypatch.setattr(cli.lookalike, "main", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main(["train"])
    assert ended.value.code == StoreError.exit_code
    assert re.fullmatch(f"lookalike: {told}\n", capsys.readouterr().err)


def test_a_bucket_that_nobody_reaches_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://bucket")

    monkeypatch.setattr(cli.lookalike, "main", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main(["train"])
    assert ended.value.code == StoreError.exit_code
    told = r"the store, or another storage, cannot be reached: .*http://bucket.* \[store-error\]"
    assert re.fullmatch(f"lookalike: {told}\n", capsys.readouterr().err)


def test_the_first_process_of_a_container_ends_when_it_is_told() -> None:
    """The kernel lets it sleep on otherwise, until it is killed half a minute later."""
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", NAP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as outer:
        assert outer.stdout is not None
        assert outer.stdout.readline() == "napping\n"
        [first] = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        os.kill(int(first), signal.SIGTERM)
        assert outer.stdout.read() == "given back\n"
        assert outer.wait(timeout=30) == 128 + signal.SIGTERM
