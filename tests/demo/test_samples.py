import os
import shutil
from pathlib import Path

import pytest

from demo import samples
from lookalike.errors import SourceUnavailable


def as_package(sample_folder: Path, root: Path) -> Path:
    """Put the stamps back where the Debian package has them."""
    for label, category in samples.STAMPS.items():
        for folder in category.folders:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for picture in (sample_folder / label).iterdir():
            shutil.copy(picture, root / package_path(picture.name, category))
    return root


def package_path(name: str, category: samples.Category) -> str:
    for folder in category.folders:
        prefix = "-".join(Path(folder).parts[2:]) + "-"
        if len(category.folders) > 1 and name.startswith(prefix):
            return f"{folder}/{name.removeprefix(prefix)}"
    return f"{category.folders[0]}/{name}"


def test_the_stamps_are_224_pictures_in_13_labelled_folders(sample_folder: Path) -> None:
    counts = {folder.name: len(list(folder.iterdir())) for folder in sample_folder.iterdir()}
    assert counts == {label: category.pictures for label, category in samples.STAMPS.items()}
    assert sum(counts.values()) == 224


def test_stamps_that_are_there_are_not_fetched_again(
    sample_folder: Path, real_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert samples.stamps(real_cache) == sample_folder


def test_laying_out_the_package_gives_the_set(sample_folder: Path, tmp_path: Path) -> None:
    source = as_package(sample_folder, tmp_path / "package")
    laid_out = samples.lay_out(source, tmp_path / "stamps")
    assert sorted(p.relative_to(laid_out) for p in laid_out.glob("*/*")) == sorted(
        p.relative_to(sample_folder) for p in sample_folder.glob("*/*")
    )


def test_a_missing_picture_is_told_by_category(sample_folder: Path, tmp_path: Path) -> None:
    source = as_package(sample_folder, tmp_path / "package")
    next((source / "food/fruit").iterdir()).unlink()
    with pytest.raises(SourceUnavailable, match="25 pictures of the category fruit, not 26"):
        samples.lay_out(source, tmp_path / "stamps")


def test_a_changed_picture_is_refused(sample_folder: Path, tmp_path: Path) -> None:
    source = as_package(sample_folder, tmp_path / "package")
    next((source / "food/fruit").iterdir()).write_bytes(b"changed")
    with pytest.raises(SourceUnavailable, match="other pictures than expected"):
        samples.lay_out(source, tmp_path / "stamps")


def test_without_a_package_manager_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SourceUnavailable, match="need apt-get and dpkg-deb"):
        samples.stamps(tmp_path)
    assert list((tmp_path / "samples").iterdir()) == []


@pytest.mark.parametrize("user", [0, 1000])
def test_lists_are_refreshed_by_root_alone(
    user: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs of our own stand for apt-get, which must not run against the real lists here."""
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$1" >> {tmp_path}/calls\necho "E: no lists" >&2\nexit 100\n'
    )
    program.chmod(0o755)
    (tmp_path / "bin" / "dpkg-deb").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.raises(SourceUnavailable, match="failed: E: no lists"):
        samples.stamps(tmp_path)
    expected = ["download", "update"] if user == 0 else ["download"]
    assert (tmp_path / "calls").read_text().split() == expected
