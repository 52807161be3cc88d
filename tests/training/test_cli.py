import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec import Struct

from lookalike.cores import cores
from lookalike.errors import ConfigurationError, DataError
from lookalike.settings import Settings
from tests.services import publish_toy_model
from training.cli import evaluate, train
from training.request import HeadSettings, TrainingRequest, TuningSettings


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


@pytest.mark.parametrize("stage", [HeadSettings(), TuningSettings()])
def test_each_setting_of_a_stage_is_a_flag_with_its_default(stage: Struct) -> None:
    flags = {option.name: option.default for option in train.params}
    for name in stage.__struct_fields__:
        assert flags[name] == getattr(stage, name)


def test_threads_are_as_many_as_a_container_may_use(tmp_path: Path) -> None:
    for command in (train, evaluate):
        [workers] = (option for option in command.params if option.name == "workers")
        assert workers.default is cores
    assert TrainingRequest(pictures=tmp_path, output=tmp_path).workers == cores()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--dropout", "1.5"), "1.5 is not in the range 0<=x<1"),
        (("--interpolation", "1.01"), "1.01 is not in the range 0<=x<=1"),
        (("--temperature", "0"), "0 is not in the range x>0"),
        (("--temperature", "inf"), "inf is not a finite number"),
        (("--learning-rate", "nan"), "nan is not a finite number"),
        (("--batch-size", "0"), "--batch-size has to be a whole number, 2 or more"),
    ],
)
def test_values_out_of_range_are_refused(given: tuple[str, str], told: str, few: Path) -> None:
    result = CliRunner().invoke(train, [str(few), *given])
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.parametrize("categories", [(), ("bird",)])
def test_too_few_folders_are_told_before_tensorflow_is_loaded(
    categories: tuple[str, ...], tmp_path: Path
) -> None:
    for category in categories:
        (tmp_path / category).mkdir()
    program = (
        "import sys\n"
        "from lookalike.cli import main\n"
        "try:\n"
        f"    main(['train', {str(tmp_path)!r}])\n"
        "finally:\n"
        "    assert 'tensorflow' not in sys.modules\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    there = "only bird" if categories else "none"
    assert finished.stderr == (
        f"lookalike: {tmp_path} needs 2 categories or more, one folder of pictures each; "
        f"it has {there} [bad-data]\n"
    )


def test_where_all_categories_are_links_the_error_names_them(few: Path, tmp_path: Path) -> None:
    for category in few.iterdir():
        (tmp_path / category.name).symlink_to(category)
    told = r"it has none, and links to folders are not followed: coin, flower, tool"
    with pytest.raises(DataError, match=told):
        CliRunner().invoke(train, [str(tmp_path)], catch_exceptions=False)


def test_a_version_that_there_is_not_is_told_before_tensorflow_is_loaded(tmp_path: Path) -> None:
    publish_toy_model(tmp_path)
    program = (
        "import sys\n"
        "from lookalike.cli import main\n"
        "try:\n"
        "    main(['evaluate', '--against', '9', '--no-html'])\n"
        "finally:\n"
        "    assert 'tensorflow' not in sys.modules\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LOOKALIKE_STORE": str(tmp_path)},
    )
    models = tmp_path / "models" / "embedder"
    assert finished.stderr == (
        f"lookalike: --against: {models} has no version 9; it has 1 [version-not-found]\n"
    )


def test_a_flag_of_the_second_stage_without_it_is_refused(few: Path) -> None:
    result = CliRunner().invoke(train, [str(few), "--tuning-rate", "1"])
    assert result.exit_code == 2
    assert "name --unfreeze-from too" in result.output


def test_weights_are_those_of_the_setting_unless_a_flag_names_others(
    few: Path, tmp_path: Path
) -> None:
    arguments = [str(few), "--output", str(tmp_path / "out")]
    environment = {"LOOKALIKE_WEIGHTS": str(tmp_path / "set.h5")}
    for given, expected in (([], "set.h5"), (["--weights", str(tmp_path / "flag.h5")], "flag.h5")):
        with pytest.raises(ConfigurationError, match=f"no weights file .*{expected}"):
            CliRunner().invoke(train, [*arguments, *given], env=environment, catch_exceptions=False)


def test_evaluate_prints_the_table_or_nothing_but_json(trained: Path, settings: Settings) -> None:
    environment = {"LOOKALIKE_STORE": settings.store, "LOOKALIKE_CACHE": settings.cache}

    def told(*flags: str) -> Result:
        arguments = ["--no-html", *flags]
        return CliRunner().invoke(evaluate, arguments, env=environment, catch_exceptions=False)

    assert "fine-tuned, dense_1 (128)" in told().stdout
    for_programs = told("--json")
    rows = json.loads(for_programs.stdout)["rows"]
    assert {row["vectors"] for row in rows} == {"raw", "pretrained", "tuned"}
    assert "fine-tuned, dense_1 (128)" in for_programs.stderr


def test_evaluate_reads_all_of_one_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".out-1").mkdir()
    (tmp_path / "out").symlink_to(".out-1")  # which another training points elsewhere
    read: list[Path] = []

    def stop(folder: Path, *_: object) -> None:
        read.append(folder)
        raise KeyboardInterrupt

    monkeypatch.setattr("training.judging.open_saved", stop)
    CliRunner().invoke(evaluate, ["--model", str(tmp_path / "out"), "--no-html"])
    assert read == [tmp_path / ".out-1"]


@pytest.mark.parametrize("place", ["file/below", "file/far/below"])
def test_what_cannot_be_written_is_told_before_the_work(
    place: str, few: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    html = ["--html", str(tmp_path / place / "report.html")]
    with pytest.raises(ConfigurationError, match=r"file is no folder.*--no-html"):
        CliRunner().invoke(evaluate, html, catch_exceptions=False)
    for flag in ("--output", "--tensorboard"):
        output = [str(few), "--output", str(tmp_path / "out"), flag, str(tmp_path / place)]
        with pytest.raises(ConfigurationError, match=rf"file is no folder.*{flag}"):
            CliRunner().invoke(train, output, catch_exceptions=False)


def test_an_output_whose_parent_cannot_be_written_to_is_told_before_the_work(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    access = os.access
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path and access(path, mode))
    output = [str(few), "--output", str(tmp_path / "out")]
    with pytest.raises(ConfigurationError, match=rf"{tmp_path} is no folder.*--output"):
        CliRunner().invoke(train, output, catch_exceptions=False)


@pytest.mark.long
def test_the_same_model_is_not_trained_twice_unless_asked_for(few: Path, tmp_path: Path) -> None:
    pictures = shutil.copytree(few, tmp_path / "pictures")
    settings = ["--output", str(tmp_path / "out"), "--size", "32", "--views", "0", "--epochs", "1"]
    environment = {"LOOKALIKE_CACHE": str(Settings.from_environment().cache)}

    def output(*more: str) -> str:
        result = CliRunner().invoke(
            train, [str(pictures), *settings, *more], env=environment, catch_exceptions=False
        )
        assert result.exit_code == 0
        return result.output

    assert "saved" in output()
    assert "holds this model already" in output()
    asked = [str(pictures), *settings, "--json"]
    told = CliRunner().invoke(train, asked, env=environment, catch_exceptions=False)
    assert json.loads(told.stdout)["backbone"] == "vgg16"
    assert told.stdout == (tmp_path / "out" / "model_card.json").read_text()
    assert "saved" in output("--force")
    assert "saved" in output("--seed", "5")
    picture = min(pictures.rglob("*.png"))
    picture.with_name("copy.png").write_bytes(picture.read_bytes() + b"\0")
    assert "saved" in output("--seed", "5")
