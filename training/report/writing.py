"""The report: its figures for programs, and its page, replaced at once or not at all."""

from pathlib import Path

import msgspec

from lookalike.store.files import replace_file
from training.judging import Trained
from training.report.figures import Evaluation
from training.report.page import as_page
from training.report.thumbnails import large, small


def figures_json(evaluation: Evaluation) -> bytes:
    """Give all figures as one document."""
    return msgspec.json.format(msgspec.json.encode(evaluation), indent=2) + b"\n"


def write_page(evaluation: Evaluation, trained: Trained, path: Path) -> None:
    """Write the page, with thumbnails of the pictures that it tells of; its folder is made.

    Raises:
        DataError: a picture can no longer be read.
    """
    thumbnails = [draw(evaluation, trained.split, trained.pretrained) for draw in (large, small)]
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, as_page(evaluation, *thumbnails).encode())
