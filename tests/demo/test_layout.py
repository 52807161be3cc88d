"""The pictures of a demo: divided, linked, and nobody's own ones touched."""

from pathlib import Path

import pytest

from demo.layout import lay_out, sole_demo
from lookalike.errors import ConfigurationError, DataError


def labelled(root: Path, **categories: int) -> Path:
    for label, count in categories.items():
        for number in range(count):
            (root / label).mkdir(parents=True, exist_ok=True)
            (root / label / f"{number}.png").write_text(f"{label} {number}")
    return root


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.png")}


def test_pictures_are_divided_in_the_same_way_each_time(tmp_path: Path) -> None:
    pictures = labelled(tmp_path / "photos", bird=10, cat=3, dog=2)
    target = tmp_path / "demo" / "pictures"
    queries = lay_out(pictures, target)
    assert sorted(query.label for query in queries) == ["bird"] * 3 + ["cat"]
    assert {query.path.read_text() for query in queries} <= {
        path.read_text() for path in pictures.rglob("*.png")
    }
    laid = files(target / "gallery") | files(target / "queries")
    assert laid == files(pictures)
    assert len(files(target / "gallery")) == 15 - 4
    assert lay_out(pictures, target) == queries
    (pictures / "cat" / "0.png").unlink()
    assert {query.label for query in lay_out(pictures, target)} == {"bird"}


def test_somebody_s_own_folder_is_never_replaced(tmp_path: Path) -> None:
    pictures = labelled(tmp_path / "pictures", bird=10, cat=3)
    others = labelled(tmp_path / "demo" / "pictures", mine=5)
    for source, target, why in (
        (pictures, pictures, "is not to be where"),
        (pictures, pictures / "demo" / "pictures", "is not to be where"),
        (pictures / "bird", pictures, "is not to be where"),
        (pictures, others, "was not made by a demo"),
    ):
        before = files(tmp_path)
        with pytest.raises(ConfigurationError, match=f"{why}.*--folder|{why}(.|\n)*--folder"):
            lay_out(source, target)
        assert files(tmp_path) == before


def test_an_earlier_demo_s_pictures_stay_where_there_are_none_to_replace_them(
    tmp_path: Path,
) -> None:
    target = tmp_path / "demo" / "pictures"
    lay_out(labelled(tmp_path / "photos", bird=10, cat=3), target)
    before = files(target)
    for pictures, why in (
        (tmp_path / "nowhere", "is not a folder"),
        (labelled(tmp_path / "flat" / "in", x=0).parent, "is not a folder"),
        (labelled(tmp_path / "few", bird=10, cat=1), "too few of cat"),
        (labelled(tmp_path / "pairs", bird=2, cat=2), "no category of 3 pictures or more"),
    ):
        with pytest.raises(DataError, match=why):
            lay_out(pictures, target)
    assert files(target) == before


def test_one_demo_at_a_time_works_in_a_folder(tmp_path: Path) -> None:
    with sole_demo(tmp_path), pytest.raises(ConfigurationError, match="another demo runs in"):
        sole_demo(tmp_path).__enter__()
    with sole_demo(tmp_path), sole_demo(tmp_path / "other"):
        pass
