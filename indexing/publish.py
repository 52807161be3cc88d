"""Publishing: build beside the served version, check what was built, move ``CURRENT``."""

from pathlib import Path

import msgspec

from indexing.build import Plan, build
from indexing.gate import check_version
from indexing.outcome import Outcomes
from lookalike.serving import Embedder
from lookalike.settings import Settings
from lookalike.store import open_indexes


class Published(msgspec.Struct, frozen=True):
    """What a run of reindex did."""

    version: str
    model_version: int
    factory: str
    pictures: int
    reused: int
    quarantined: int
    recall_at_10: float | None


def publish(outcomes: Outcomes, plan: Plan, settings: Settings, embedder: Embedder) -> Published:
    """Build a version of the outcomes, check it as a replica would, and move ``CURRENT`` to it.

    Raises:
        DigestMismatch: the version reads back as something else than was written.
        ProbeMismatch: the live model server gives other vectors than were indexed.
    """
    indexes = open_indexes(settings.store, settings.index)
    with indexes.draft() as folder:
        details = build(outcomes, plan, folder)
        version = indexes.publish(folder, details)
    check_version(indexes, version, Path(settings.cache), embedder)
    indexes.set_current(version)
    return Published(
        version,
        plan.model.version,
        details.factory,
        details.pictures,
        outcomes.reused,
        details.quarantined,
        details.recall_at_10,
    )
