"""Publishing: build beside the served version, check what was built, move ``CURRENT``."""

import msgspec

from indexing.build import Plan, build
from indexing.gate import check_draft
from indexing.outcome import Outcomes
from lookalike.serving import Embedder
from lookalike.settings import Settings
from lookalike.store import open_indexes, verify_version


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
        # Before it has a name: whatever is in the store can be gone back to.
        check_draft(folder, details, embedder)
        version = indexes.publish(folder, details)
    verify_version(indexes, version)
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
