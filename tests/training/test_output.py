from functools import partial
from pathlib import Path

import pytest

from lookalike.errors import ConfigurationError
from training.output import absolute, check_replaceable, model_file, replace_folder


def put(folder: Path, text: str) -> None:
    (folder / "model").write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_folder_is_made_and_replaced(tmp_path: Path) -> None:
    output = tmp_path / "store" / "training"
    for text in ("first", "second"):
        replace_folder(output, partial(put, text=text))
        assert (output / "model").read_text() == text
    assert names(output.parent) == ["training"]
    folders = [p for p in output.parent.iterdir() if p.is_dir() and not p.is_symlink()]
    assert len(folders) == 1


def test_a_run_that_fails_leaves_the_former_folder_whole(tmp_path: Path) -> None:
    output = tmp_path / "training"
    replace_folder(output, partial(put, text="first"))

    def fail(folder: Path) -> None:
        put(folder, "second")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_folder(output, fail)
    assert (output / "model").read_text() == "first"
    assert names(tmp_path) == ["training"]


def test_an_empty_folder_is_replaced(tmp_path: Path) -> None:
    output = tmp_path / "training"
    output.mkdir()
    replace_folder(output, partial(put, text="first"))
    assert (output / "model").read_text() == "first"


def test_a_folder_of_someone_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ConfigurationError, match="was not made by 'lookalike train'"):
        replace_folder(tmp_path, partial(put, text="first"))
    assert (tmp_path / "thesis.txt").exists()


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="run 'lookalike train' first"):
        model_file(tmp_path)


def test_a_neighbour_whose_name_begins_alike_is_never_removed(tmp_path: Path) -> None:
    replace_folder(tmp_path / "birds-v2", partial(put, text="neighbour"))
    replace_folder(tmp_path / "birds", partial(put, text="first"))
    replace_folder(tmp_path / "birds", partial(put, text="second"))
    assert (tmp_path / "birds-v2" / "model").read_text() == "neighbour"
    assert (tmp_path / "birds" / "model").read_text() == "second"


def test_a_link_of_someone_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    for target in ("disk", str(tmp_path / "disk"), "nowhere", f".other-{'0' * 32}"):
        output = tmp_path / "training"
        output.symlink_to(target)
        with pytest.raises(ConfigurationError, match="is a link that 'lookalike train' did not"):
            replace_folder(output, partial(put, text="first"))
        assert str(output.readlink()) == target
        output.unlink()


def test_a_mount_point_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.ismount", lambda path: path == tmp_path)
    with pytest.raises(ConfigurationError, match=f"is a mount point.*--output {tmp_path}/model"):
        check_replaceable(tmp_path)


def test_the_folder_that_one_is_in_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "below")
    assert absolute(Path("..")) == tmp_path / "here"
    assert absolute(Path()) == tmp_path / "here" / "below"
    replace_folder(absolute(Path()), partial(put, text="first"))
    assert (tmp_path / "here" / "below" / "model").read_text() == "first"
