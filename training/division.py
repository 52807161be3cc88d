"""From folders to a split: all is read, what cannot be used is told in one list, the rest divided.

Nothing is trained before, so that whoever has to put the folders right learns all of it at once.
"""

from collections.abc import Sequence
from pathlib import Path

from lookalike.catalogue import Folder
from lookalike.errors import DataError
from lookalike.progress import Say
from lookalike.store.files import replace_file
from training.features import FeatureExtractor
from training.folder_checks import FEWEST_PICTURES, NAMED, category_problems, validation_problems
from training.near_copies import Group, near_copies, without_copies_of
from training.request import TrainingRequest
from training.split import (
    Example,
    Side,
    Skipped,
    Split,
    by_label,
    stratified,
)
from training.unusable import Examined, as_csv, as_text, linked, poor_categories

# In the cache: of the latest run, whether it trained or not.
SKIPPED_FILE = "skipped.csv"
NEAR_COPY = "near copy of a training picture"


def divide(request: TrainingRequest, extractor: FeatureExtractor, listed: Path, say: Say) -> Split:
    """Examine all pictures, tell what cannot be used, and divide the others.

    Args:
        request: which pictures, and how.
        extractor: reads them.
        listed: file for the list of what cannot be used.
        say: is told of it.

    Raises:
        DataError: too few categories or pictures, or the request is strict and there is a list.
    """
    examined = _examined(request, extractor)
    copies = near_copies(extractor, *(Side(one.examples, one.root) for one in examined))
    examined[1:] = [_without_copies(examined[0], judged, copies) for judged in examined[1:]]
    _tell(examined, listed, say)
    _check(request, examined, listed)
    trained, judged = examined[0], examined[-1]
    if len(examined) > 1:
        train, validation = trained.examples, judged.examples
    else:
        train, validation = stratified(
            trained.examples, request.validation_share, request.head.seed, copies
        )
        if copies:
            pictures = sum(map(len, copies))
            say(f"near copies: {pictures} pictures, each on the side of those it is a copy of")
    if not validation:
        raise DataError(
            f"no picture of {request.pictures} can be held out, since those of each category are "
            "copies of each other: add other pictures, or judge by a folder of --validation"
        )
    say(f"pictures: {len(train)} to train on, {len(validation)} held out")
    if request.head.recipe == "contrastive":
        _tell_alone(train, say)
    return Split(
        root=str(trained.root),
        validation_root=str(judged.root),
        train=train,
        validation=validation,
        skipped=trained.skipped,
        validation_skipped=judged.skipped if len(examined) > 1 else [],
    )


def _examined(request: TrainingRequest, extractor: FeatureExtractor) -> list[Examined]:
    """Read the folder of pictures, and the one to judge by where there is one."""
    examined: list[Examined] = []
    for path, least in ((request.pictures, FEWEST_PICTURES), (request.validation, 1)):
        if path is None:
            continue
        folder, known = Folder(path), [e for one in examined for e in one.examples]
        examples, skipped = extractor.examine(list(folder), known)
        skipped += poor_categories(folder.labels(), examples, least) + linked(folder.links())
        examined.append(Examined(folder.root, examples, skipped))
    return examined


def _without_copies(trained: Examined, judged: Examined, copies: list[Group]) -> Examined:
    """Leave out of the pictures to judge by what is a near copy of a training picture."""
    kept, repeated = without_copies_of(trained.examples, judged.examples, copies)
    skipped = [
        Skipped(one.path, f"it is a near copy of {of.path}", NEAR_COPY)
        for one, of in repeated.items()
    ]
    return Examined(judged.root, kept, judged.skipped + skipped)


def _tell(examined: list[Examined], listed: Path, say: Say) -> None:
    replace_file(listed, as_csv(examined))
    if any(one.skipped for one in examined):
        say(f"{as_text(examined)}\nthe whole list is in {listed}")


def _tell_alone(train: Sequence[Example], say: Say) -> None:
    """Tell of categories whose picture has no other one to be drawn to."""
    alone = sorted(label for label, found in by_label(train).items() if len(found) == 1)
    if alone:
        named = ", ".join(alone[:NAMED])
        more = f" and {len(alone) - NAMED} more" if len(alone) > NAMED else ""
        say(
            f"{len(alone)} {'category has' if len(alone) == 1 else 'categories have'} one picture "
            f"to train on: {named}{more}; the contrastive recipe learns from two or more what is "
            "alike in a category"
        )


def _check(request: TrainingRequest, examined: list[Examined], listed: Path) -> None:
    problems = category_problems(examined[0].examples, request.pictures)
    if len(examined) > 1:
        problems += validation_problems(examined[0].examples, examined[1].examples)
    if request.strict and any(one.skipped for one in examined):
        problems.append(f"--strict: not all can be used, see {listed}")
    if problems:
        raise DataError("; ".join(problems))
