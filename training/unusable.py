"""What of the user's folders cannot be used: all of it in one list, before anything is trained.

It takes what an examination found and lays it out; reading and deciding are others' concern.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from training.folder_checks import FEWEST_PICTURES
from training.split import Example, Skipped, by_label

SHOWN = 5  # of each kind, on a terminal
NO_PICTURE = "category without a usable picture"
LINK = "link to a folder"
TOO_FEW = f"category with fewer than {FEWEST_PICTURES} usable pictures"


class Examined(NamedTuple):
    """What was found of one folder.

    Attributes:
        root: of the folder.
        examples: pictures that can be used.
        skipped: what cannot.
    """

    root: Path
    examples: list[Example]
    skipped: list[Skipped]


def poor_categories(
    labels: Iterable[str], examples: Iterable[Example], least: int
) -> list[Skipped]:
    """List categories with no usable picture, and those with fewer than ``least``.

    Args:
        labels: of all folders of categories, empty ones too.
        examples: the usable pictures.
        least: pictures that a category needs.
    """
    found = by_label(examples)
    poor = []
    for label in sorted({*labels, *found}):
        count = len(found.get(label, []))
        if not count:
            poor.append(Skipped(label, "no picture in it can be used", NO_PICTURE))
        elif count < least:
            poor.append(Skipped(label, f"only {count} picture can be used", TOO_FEW))
    return poor


def linked(links: Iterable[str]) -> list[Skipped]:
    """List links to folders: what they lead to is not in the folder that is trained on."""
    reason = "a link to a folder is not followed: put the folder itself in its place"
    return [Skipped(link, reason, LINK) for link in links]


def as_text(folders: Sequence[Examined]) -> str:
    """Lay the list out for a terminal: by kind, the most frequent first, a few of each."""
    kinds: dict[str, list[str]] = {}
    for folder, file in _rows(folders):
        kinds.setdefault(file.group, []).append(f"{folder.root / file.id}: {file.reason}")
    lines = [f"{sum(map(len, kinds.values()))} cannot be used:"]
    for kind, found in sorted(kinds.items(), key=lambda one: (-len(one[1]), one[0])):
        lines.append(f"{len(found):6} {kind}")
        lines += [f"{'':9}{line}" for line in found[:SHOWN]]
        if len(found) > SHOWN:
            lines.append(f"{'':9}and {len(found) - SHOWN} more")
    return "\n".join(lines)


def as_csv(folders: Sequence[Examined]) -> bytes:
    """Write the whole list as rows of kind, path and reason."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["kind", "path", "reason"])
    writer.writerows(
        (file.group, folder.root / file.id, file.reason) for folder, file in _rows(folders)
    )
    return text.getvalue().encode()


def _rows(folders: Sequence[Examined]) -> Iterator[tuple[Examined, Skipped]]:
    return ((folder, file) for folder in folders for file in folder.skipped)
