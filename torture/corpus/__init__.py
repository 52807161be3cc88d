"""The corpus: every case, in families; the same seed gives the same bytes."""

from torture.case import Case
from torture.corpus.bombs import bombs
from torture.corpus.containers import containers
from torture.corpus.explanations import explanations
from torture.corpus.foreign import foreign
from torture.corpus.fuzz import FUZZ, fuzz
from torture.corpus.metadata import metadata
from torture.corpus.requests import requests
from torture.corpus.truncated import truncated
from torture.corpus.variants import variants

__all__ = ["FUZZ", "corpus"]


def corpus(seed: int = 0, count: int = FUZZ) -> list[Case]:
    """Give all cases; files that are large, or cost time, are written when they are asked for.

    Args:
        seed: of the damage that is random.
        count: how many files have such damage.
    """
    return [
        *bombs(),
        *containers(),
        *foreign(),
        *metadata(),
        *truncated(),
        *variants(),
        *fuzz(seed, count),
        *requests(),
        *explanations(),
    ]
