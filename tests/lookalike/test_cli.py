import subprocess
import sys

import pytest

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


def test_debug_shows_the_traceback(tmp_path: object) -> None:
    finished = run("--debug", "export-model", "--model", f"{tmp_path}/none.keras")
    assert "Traceback" in finished.stderr
