"""The output folder of training: its files' names, and their replacement as a whole."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from lookalike.errors import ConfigurationError
from lookalike.store.files import draft_folder, exclusive, sync, sync_tree

FOLDER = "training"
MODEL_NAME = "lookalike"
FORMATS = ("keras", "h5")
HISTORY_FILE = "history.json"


def model_file(folder: Path) -> Path:
    """Find the whole model in an output folder; raise ConfigurationError where there is none."""
    for file_format in FORMATS:
        if (path := folder / f"{MODEL_NAME}.{file_format}").is_file():
            return path
    raise ConfigurationError(f"{folder} holds no trained model: run 'lookalike train' first")


def check_replaceable(output: Path) -> None:
    """Raise ConfigurationError where ``output`` is something that training did not make."""
    if output.is_symlink() or not output.exists():
        return
    if not output.is_dir() or any(output.iterdir()):
        raise ConfigurationError(
            f"{output} was not made by 'lookalike train': move it away, or pass --output FOLDER"
        )


def replace_folder(output: Path, write: Callable[[Path], None]) -> None:
    """Make the folder ``output`` anew, so that whoever looks sees the old one or the new one.

    ``output`` is a link to a hidden folder beside it, and the link is replaced at once;
    a run that is killed leaves the former folder whole.

    Args:
        output: where the files will be.
        write: writes them into the empty folder that it is given.
    """
    check_replaceable(output)
    with exclusive(output.with_name(f".{output.name}.lock")), draft_folder(output.parent) as draft:
        write(draft)
        sync_tree(draft)
        made = output.with_name(f".{output.name}-{uuid4().hex}")
        draft.rename(made)
        _point(output, made)
        _remove_former(output, made)


def _point(output: Path, made: Path) -> None:
    if output.is_dir() and not output.is_symlink():
        output.rmdir()
    link = output.with_name(f".{output.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(made.name)
    link.replace(output)
    sync(output.parent)


def _remove_former(output: Path, made: Path) -> None:
    ours = re.compile(rf"\.{re.escape(output.name)}-[0-9a-f]{{32}}")
    for former in output.parent.iterdir():
        if former != made and ours.fullmatch(former.name):
            shutil.rmtree(former)
