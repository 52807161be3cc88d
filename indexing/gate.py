"""The gate: what a built version must show before ``CURRENT`` moves to it."""

import tempfile
from pathlib import Path

from indexing.outcome import Outcomes
from lookalike.errors import DataError
from lookalike.index import IndexVersion
from lookalike.serving import Embedder
from lookalike.store import Collection, VerifiedCache


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


def check_version(indexes: Collection, version: str, cache: Path, embedder: Embedder) -> None:
    """Read a version back as a replica would: digests, shards, and probes through the server.

    The copy, below ``cache``, is gone afterwards; on the store's own disk it takes no space.

    Raises:
        DigestMismatch: a file is not as it was written.
        ProbeMismatch: the live model server gives other vectors.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        opened = IndexVersion(version, VerifiedCache(Path(scratch), indexes).fetch(version))
        try:
            opened.probes.run(embedder)
        finally:
            opened.close()


def _commonest(outcomes: Outcomes) -> str:
    reasons = [item.type for item in outcomes.rejected]
    if not reasons:
        return ""
    reason = max(sorted(set(reasons)), key=reasons.count)
    example = next(item for item in outcomes.rejected if item.type == reason)
    return f"; commonest reason: {reason}, such as {example.picture.id!r} ({example.detail})"
