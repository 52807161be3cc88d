"""What is wrong with folders to train on: told of their names, and of what was read of them."""

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from pathlib import Path

from lookalike.errors import DataError
from training.split import Example, by_label

FEWEST_CATEGORIES = 2
FEWEST_PICTURES = 2
NAMED = 5  # folders in one line


def category_problems(examples: Sequence[Example], folder: Path) -> list[str]:
    """Say what is wrong unless there are two categories or more, of two pictures or more each."""
    found = by_label(examples)
    problems = []
    if len(found) < FEWEST_CATEGORIES:
        problems.append(_too_few(found, folder))
    few = sorted(label for label, members in found.items() if len(members) < FEWEST_PICTURES)
    if few:
        problems.append(
            f"{folder} needs {FEWEST_PICTURES} readable pictures or more in each category; "
            f"too few are in {', '.join(few)}"
        )
    return problems


def check_labels(labels: Collection[str], folder: Path, links: Iterable[str] = ()) -> None:
    """See by the folders' names alone whether there can be enough categories.

    Args:
        labels: the folders' names.
        folder: that they are in.
        links: to folders, which are not followed; looked at only where there are too few.

    Raises:
        DataError: there cannot.
    """
    if len(labels) < FEWEST_CATEGORIES:
        passed = ", ".join(islice(links, NAMED))
        told = f", and links to folders are not followed: {passed}" if passed else ""
        raise DataError(_too_few(labels, folder) + told)


def check_roots(folders: Iterable[Path]) -> None:
    """See before the work that a split can say where its pictures are.

    Raises:
        DataError: a folder's path is no UTF-8, and no JSON can hold it.
    """
    for folder in folders:
        path = str(folder.resolve())
        spelt = path.encode(errors="backslashreplace").decode()
        if spelt != path:
            raise DataError(f"the path {spelt} is no UTF-8: rename the folders that it names")


def _too_few(labels: Collection[str], folder: Path) -> str:
    there = f"only {next(iter(labels))}" if labels else "none"
    return (
        f"{folder} needs {FEWEST_CATEGORIES} categories or more, one folder of pictures "
        f"each; it has {there}"
    )


def validation_problems(train: Sequence[Example], validation: Sequence[Example]) -> list[str]:
    """Say where there is nothing to judge by, or a category is known to one side only."""
    if not validation:
        nothing = "has no readable, labelled picture that is not a training picture too"
        return [f"the validation folder {nothing}"]
    unknown = sorted({e.label for e in validation} - {e.label for e in train})
    if not unknown:
        return []
    return [f"no training pictures have the validation categories {', '.join(unknown)}"]
