"""The gate: what a drafted version must show before ``CURRENT`` moves to it."""

from pathlib import Path

import msgspec

from indexing.extraction.features import Features
from indexing.publishing.drafting import Draft
from indexing.publishing.recall import measure_recall
from indexing.publishing.wanted import Base
from indexing.shrinking import has_shrunk
from lookalike.errors import CatalogueShrunk, DataError, RecallTooLow
from lookalike.index import IndexDetails, IndexVersion, Measured
from lookalike.serving import Embedder

# Some hundreds of queries tell a recall to within so much.
RECALL_SLACK = 0.01


class GateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate lets through.

    Attributes:
        min_recall: least recall@10 against exact search; None: any.
        allow_shrink: publish although the catalogue lost more than a tenth of its pictures.
    """

    min_recall: float | None = None
    allow_shrink: bool = False


def check_size(
    count: int, previous: IndexDetails | None, deleted: int, settings: GateSettings
) -> None:
    """Refuse a catalogue that is empty, or lost too many pictures since the last version.

    Args:
        count: pictures to be found in the version to be made.
        previous: of the version being served, or None.
        deleted: how many of its pictures were deleted by name, which is no loss.
        settings: whether that is allowed.

    Raises:
        DataError: there is nothing to index, and there never was.
        CatalogueShrunk: more than a tenth of the pictures are gone.
    """
    if count == 0 and previous is None:
        raise DataError("the catalogue gives no picture to index; nothing was published")
    if previous is None or settings.allow_shrink:
        return
    before = previous.pictures - deleted
    if has_shrunk(count, before):
        raise CatalogueShrunk(
            f"the catalogue gives {count} pictures, the version being served has {before} that "
            "nobody deleted: is a disk or a folder missing? If they are meant to be gone, say "
            "--allow-shrink; nothing was published"
        )


def check_draft(
    opened: IndexVersion, features: Features, embedder: Embedder, settings: GateSettings
) -> Measured | None:
    """Search a draft as a replica would: probes through the live model server, and recall.

    Gives what was measured, of base, delta and tombstones together.

    Raises:
        ProbeMismatch: the live model server gives other vectors.
        RecallTooLow: search misses too much of what exact search finds.
    """
    opened.probes.run(embedder)
    measured, least = opened.details.measured, settings.min_recall
    if opened.details.delta is not None or opened.details.tombstones is not None:
        measured = measure_recall(opened, features, demanded=least is not None)
    if measured is not None and least is not None and measured.recall_at_10 < least - RECALL_SLACK:
        raise RecallTooLow(
            f"recall@10 is {measured.recall_at_10:.4f}, well under the {least:g} that is asked "
            "for; nothing was published. Let the index type be chosen (no --factory), or ask "
            "for less with --recall"
        )
    return measured


def open_draft(folder: Path, made: Draft, base: Base | None, view: Path) -> IndexVersion:
    """Open a draft beside its base's files, through links in the empty folder ``view``."""
    for path in folder.iterdir():
        (view / path.name).symlink_to(path)
    if base is not None:
        for name in made.shared:
            (view / name).symlink_to(base.folder / name)
    return IndexVersion("draft", view, made.details)
