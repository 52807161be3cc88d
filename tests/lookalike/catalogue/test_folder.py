import errno
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.catalogue import Folder, file_of
from lookalike.errors import DataError


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def ids(root: Path) -> list[str]:
    return [picture.id for picture in Folder(root)]


def test_rows_are_named_by_their_path_and_labelled_by_the_first_folder(tmp_path: Path) -> None:
    touch(tmp_path, "bird/owl.png", "bird/night/owl.jpg", "loose.png")
    found = {p.id: (p.path, p.label) for p in Folder(tmp_path)}
    root = tmp_path.resolve()
    assert found == {
        "bird/night/owl.jpg": (root / "bird/night/owl.jpg", "bird"),
        "bird/owl.png": (root / "bird/owl.png", "bird"),
        "loose.png": (root / "loose.png", None),
    }


def test_hidden_files_folders_and_sidecars_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, ".git/a.png", "bird/.a.png", "bird/labels.JSON", "bird/notes.txt", "bird/a")
    assert ids(tmp_path) == ["bird/a"]


def test_what_a_new_file_system_has_in_its_root_is_no_category(tmp_path: Path) -> None:
    touch(tmp_path, "bird/a.png", "lost+found/#12")
    assert ids(tmp_path) == ["bird/a.png"]
    assert Folder(tmp_path).labels() == ["bird"]


def test_extensions_are_not_trusted(tmp_path: Path) -> None:
    touch(tmp_path, "bird/a.exe", "bird/b", "bird/c.png")
    assert ids(tmp_path) == ["bird/a.exe", "bird/b", "bird/c.png"]


@given(st.lists(st.text("ab./-", min_size=1, max_size=6), max_size=12))
def test_ids_come_sorted(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    root = tmp_path_factory.mktemp("root")
    for name in names:
        path = Path(os.path.normpath(root / name.strip("/")))
        if path.is_relative_to(root) and not path.exists() and path != root:
            if any(parent.is_file() for parent in path.parents):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    found = ids(root)
    assert found == sorted(found)


def test_links_out_of_the_root_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "outside/secret.png", "root/bird/a.png")
    (tmp_path / "root/bird/b.png").symlink_to(tmp_path / "outside/secret.png")
    (tmp_path / "root/all").symlink_to(tmp_path / "outside")
    (tmp_path / "root/loop").symlink_to(tmp_path / "root")
    (tmp_path / "root/bird/gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "root/bird/round.png").symlink_to("round.png")
    (tmp_path / "root/bird/c.png").symlink_to("a.png")
    assert ids(tmp_path / "root") == ["bird/a.png", "bird/c.png"]


def test_links_to_folders_are_told_wherever_they_are(tmp_path: Path) -> None:
    touch(tmp_path, "outside/a.png", "root/bird/a.png", "root/fish/b.png")
    for name, target in (("all", "../outside"), ("bird/loop", ".."), (".hidden", "bird")):
        (tmp_path / "root" / name).symlink_to(target)
    for name, target in (("a.png", "bird/a.png"), ("round", "round"), ("gone", "nowhere")):
        (tmp_path / "root" / name).symlink_to(target)
    assert list(Folder(tmp_path / "root").links()) == ["all", "bird/loop"]


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    touch(tmp_path, "real/bird/a.png")
    (tmp_path / "link").symlink_to("real")
    assert ids(tmp_path / "link") == ["bird/a.png"]


def test_special_files_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "bird/a.png")
    os.mkfifo(tmp_path / "bird/pipe")
    assert ids(tmp_path) == ["bird/a.png"]


def test_a_name_that_is_no_unicode_gets_an_id_that_is(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.png"
    Path(os.fsdecode(name)).touch()
    [picture] = Folder(tmp_path)
    assert picture.id.encode() == rb"\udcff.png"
    assert picture.path.exists()


def test_an_id_leads_back_to_its_file(tmp_path: Path) -> None:
    touch(tmp_path, "bird/owl.png", "bird/\\udcfe.png", "bird/ü \\n.png")
    Path(os.fsdecode(os.fsencode(tmp_path / "bird") + b"/\xff\xfc.png")).touch()
    assert {file_of(tmp_path, picture.id) for picture in Folder(tmp_path)} == {
        picture.path for picture in Folder(tmp_path)
    }


def test_a_broken_name_that_looks_like_another_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "bird/\\udcff.png")
    Path(os.fsdecode(os.fsencode(tmp_path / "bird") + b"/\xff.png")).touch()
    with pytest.raises(DataError, match=r"two files would have the id 'bird/.*udcff\.png'"):
        ids(tmp_path)


def test_ids_of_broken_names_come_sorted_too(tmp_path: Path) -> None:
    touch(tmp_path, "[.png", "a.png", "é.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).touch()
    assert ids(tmp_path) == sorted(ids(tmp_path))


def test_a_broken_name_whose_id_is_too_long_is_named(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/" + b"\xff" * 250
    for _ in range(2):
        folder += b"/" + b"\xff" * 250
    Path(os.fsdecode(folder)).mkdir(parents=True)
    with pytest.raises(DataError, match=r"the id .* bytes of UTF-8, over 4096"):
        ids(tmp_path)


def test_a_folder_can_be_gone_through_twice(tmp_path: Path) -> None:
    touch(tmp_path, "bird/a.png")
    folder = Folder(tmp_path)
    assert list(folder) == list(folder)


@pytest.mark.parametrize("name", ["missing", "file"])
def test_what_is_no_folder_is_refused(name: str, tmp_path: Path) -> None:
    touch(tmp_path, "file")
    with pytest.raises(DataError, match="is not a folder"):
        Folder(tmp_path / name)


def test_of_the_files_of_a_folder_little_more_than_their_names_is_in_memory(
    tmp_path: Path,
) -> None:
    count = 3000
    touch(tmp_path, *(f"IMG_{number:08}_0123456789abcdef.jpg" for number in range(count)))
    next(iter(Folder(tmp_path)))  # what is made once
    tracemalloc.start()
    try:
        pictures = iter(Folder(tmp_path))
        next(pictures)
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / count < 120
    assert most / count < 200


def test_a_file_that_is_gone_since_it_was_listed_has_no_stamp(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    pictures = iter(Folder(tmp_path))
    assert next(pictures).stamp is not None
    (tmp_path / "b.png").unlink()
    assert [(gone.id, gone.stamp) for gone in pictures] == [("b.png", None)]


def test_a_folder_that_may_be_listed_and_not_entered_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bird").mkdir()
    (tmp_path / "bird/owl.png").touch()

    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "lstat", refuse)  # the tests may run as root, who may enter any
    with pytest.raises(DataError, match=r"bird/owl\.png cannot be looked at: Permission denied"):
        list(Folder(tmp_path))
