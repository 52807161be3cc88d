"""The gate: what a built version must show before ``CURRENT`` moves to it."""

from pathlib import Path

from indexing.outcome import Outcomes
from lookalike.errors import DataError
from lookalike.index import IndexDetails, ProbeCheck
from lookalike.index.faiss_index import FaissIndex
from lookalike.index.probes import FILE_NAME as PROBES_FILE
from lookalike.serving import Embedder


def check_outcomes(outcomes: Outcomes, max_rejected: float) -> None:
    """Refuse a catalogue that gave no vector, or lost too many of its pictures.

    Args:
        outcomes: of the whole catalogue.
        max_rejected: the largest share of pictures without a vector, 0 to 1.

    Raises:
        DataError: with the commonest reason.
    """
    rejected, total = len(outcomes.rejected), len(outcomes.rejected) + len(outcomes.embedded)
    if not outcomes.embedded:
        raise DataError(f"none of the {total} files gave a vector{_commonest(outcomes)}")
    if rejected > max_rejected * total:
        raise DataError(
            f"{rejected} of {total} files gave no vector, more than --max-rejected "
            f"{max_rejected:g} allows; nothing was published{_commonest(outcomes)}"
        )


def check_draft(folder: Path, details: IndexDetails, embedder: Embedder) -> None:
    """Open what was built as a replica would: shards, and probes through the live server.

    Raises:
        DigestMismatch: a shard is not as long as it should be.
        ProbeMismatch: the live model server gives other vectors.
    """
    FaissIndex(folder, details.shards, details.search)
    ProbeCheck(folder / PROBES_FILE, details.model.picture).run(embedder)


def _commonest(outcomes: Outcomes) -> str:
    reasons = [item.type for item in outcomes.rejected]
    if not reasons:
        return ""
    reason = max(sorted(set(reasons)), key=reasons.count)
    example = next(item for item in outcomes.rejected if item.type == reason)
    return f"; commonest reason: {reason}, such as {example.picture.id!r} ({example.detail})"
