import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lookalike.settings import Settings
from training.cli import evaluate, train
from training.request import HeadSettings


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_help_imports_no_tensorflow(command: str) -> None:
    program = (
        "import sys\n"
        "from lookalike.cli import lookalike\n"
        f"lookalike.main(['{command}', '--help'], standalone_mode=False)\n"
        "sys.exit(bool({'tensorflow', 'keras', 'onnx'} & set(sys.modules)))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert "Usage" in finished.stdout


def test_each_field_of_the_heads_settings_is_a_flag_with_its_default() -> None:
    flags = {option.name: option.default for option in train.params}
    for name in HeadSettings.__struct_fields__:
        assert flags[name] == getattr(HeadSettings(), name)


def test_values_out_of_range_are_refused(few: Path) -> None:
    result = CliRunner().invoke(train, [str(few), "--dropout", "1.5"])
    assert result.exit_code == 2
    assert "dropout" in result.output


def test_evaluate_prints_the_table_and_writes_json(
    trained: Path, settings: Settings, tmp_path: Path
) -> None:
    result = CliRunner().invoke(
        evaluate,
        ["--json", str(tmp_path / "report.json")],
        env={"LOOKALIKE_STORE": settings.store, "LOOKALIKE_CACHE": settings.cache},
        catch_exceptions=False,
    )
    assert result.exit_code == 0
    assert "fine-tuned, dense_1 (128)" in result.output
    rows = json.loads((tmp_path / "report.json").read_text())["rows"]
    assert {row["vectors"] for row in rows} == {"raw", "pretrained", "tuned"}
