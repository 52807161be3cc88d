"""The output folder of training: its files' names, and their replacement as a whole."""

import os
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


def absolute(output: Path) -> Path:
    """Give a folder its name, also where it is spelt ``.`` or ``..``; links are not followed."""
    return Path(os.path.abspath(output))  # noqa: PTH100  Path.absolute() keeps "..", no name


def check_writable(folder: Path, instead: str) -> None:
    """Find out before minutes of work that nothing can be written below a folder.

    What is not there yet is made, and so the nearest folder that is there is looked at.

    Args:
        folder: where something will be written.
        instead: what to do where that is impossible.

    Raises:
        ConfigurationError: it is.
    """
    whole = folder.absolute()
    there = next(path for path in (whole, *whole.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{there} is no folder that can be written to: {instead}")


def check_replaceable(output: Path) -> None:
    """See that training may put its link where ``output`` is.

    Raises:
        ConfigurationError: there is something that training did not make, or a mount point.
    """
    if output.is_symlink():
        if not _ours(output).fullmatch(str(output.readlink())):
            raise ConfigurationError(
                f"{output} is a link that 'lookalike train' did not make, and would replace: pass "
                "--output with the folder that it leads to, or another one"
            )
        return
    if os.path.ismount(output):
        raise ConfigurationError(
            f"{output} is a mount point, which cannot be replaced: pass --output {output / 'model'}"
        )
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
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
    ours = _ours(output)
    for former in output.parent.iterdir():
        if former != made and ours.fullmatch(former.name):
            shutil.rmtree(former)


def _ours(output: Path) -> re.Pattern[str]:
    """Match the names of the folders that the link ``output`` led to, and leads to."""
    return re.compile(rf"\.{re.escape(output.name)}-[0-9a-f]{{32}}")
