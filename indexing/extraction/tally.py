"""What a run did, in numbers, and when so much went wrong that it should not go on."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from indexing.extraction.listing import Outcome
from lookalike.errors import DataError

# Before so many outcomes a share says little.
FEWEST = 1000


class Tally(msgspec.Struct, kw_only=True):
    """Outcomes of a part, one a picture, and the work they took.

    Attributes:
        embedded: pictures that were read and have a vector.
        unchanged: pictures with a vector that needed no reading.
        quarantined: pictures that give no vector.
        missing: pictures that are not where the catalogue says.
        made: vectors that the model server made; the other embedded ones were known.
        removed: pictures that the catalogue no longer has.
        resumed: whether this went on where a run had been broken off.
    """

    embedded: int = 0
    unchanged: int = 0
    quarantined: int = 0
    missing: int = 0
    made: int = 0
    removed: int = 0
    resumed: bool = False

    @property
    def pictures(self) -> int:
        """All of them."""
        return self.embedded + self.unchanged + self.rejected

    @property
    def rejected(self) -> int:
        """Those without a vector."""
        return self.quarantined + self.missing

    def replace(self, counts: Counter[Outcome]) -> None:
        """Count the outcomes anew."""
        self.embedded = self.unchanged = self.quarantined = self.missing = 0
        self.add(counts)

    def add(self, counts: Counter[Outcome]) -> None:
        """Count more outcomes."""
        self.embedded += counts["embedded"]
        self.unchanged += counts["unchanged"]
        self.quarantined += counts["quarantined"]
        self.missing += counts["missing"]


def hopeless(tally: Tally, max_rejected: float, total: int | None) -> bool:
    """Tell, before the end, that the share of rejected pictures passes ``max_rejected``.

    It is certain where the total is known, and no total of another run is: a catalogue grows.
    Where it is not, a bad folder that comes first must not end the job, so the share has to be
    halfway between the limit and all.
    """
    if tally.pictures < FEWEST:
        return False
    if total is not None:
        return tally.rejected > max_rejected * total
    return tally.rejected > (1 + max_rejected) / 2 * tally.pictures


def check(
    tally: Tally, max_rejected: float, reasons: Sequence[tuple[str, int, str]], *, early: bool
) -> None:
    """Raise DataError, with the commonest reason, where too many pictures have no vector."""
    if tally.rejected <= max_rejected * tally.pictures and not early:
        return
    kind, count, example = reasons[0]
    so_far = " so far" if early else ""
    raise DataError(
        f"{tally.rejected} of {tally.pictures} pictures{so_far} have no vector, more than "
        f"--max-rejected {max_rejected:g} allows; commonest reason: {kind} ({count} times, such as "
        f"{example!r}). See lookalike quarantine; nothing was published"
    )
