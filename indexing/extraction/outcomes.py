"""From what was read and what the model server answered to an outcome for each picture."""

from collections.abc import Mapping, Sequence

import msgspec

from indexing.extraction.ledger import Entry
from indexing.extraction.listing import Outcome, ToRead
from indexing.extraction.messages import Found
from indexing.extraction.pending import Made
from lookalike.errors import ModelServerRejected, NoFeatures


class Judged(msgspec.Struct):
    """The outcomes of a batch: entries to record, and pictures that stay as they were."""

    entries: list[Entry] = msgspec.field(default_factory=list)
    kept: list[tuple[str, Outcome]] = msgspec.field(default_factory=list)
    made: Made | None = None

    def outcomes(self) -> list[Outcome]:
        """List the outcomes, one a picture."""
        return [entry.outcome for entry in self.entries] + [outcome for _, outcome in self.kept]


def judge(
    pictures: Sequence[ToRead],
    found: Sequence[Found],
    zeros: Mapping[bytes, bool],
    refused: Mapping[bytes, str],
) -> Judged:
    """Give each picture its outcome.

    Args:
        pictures: of a batch.
        found: what became of each of them.
        zeros: by digest, whether its vector is all zero; of every digest that has one.
        refused: by digest, why the model server took no such picture.
    """
    judged = Judged()
    for picture, item in zip(pictures, found, strict=True):
        if item.kind == "same":
            outcome: Outcome = "quarantined" if picture.outcome == "quarantined" else "unchanged"
            judged.kept.append((picture.id, outcome))
        else:
            judged.entries.append(_entry(picture.id, item, zeros, refused))
    return judged


def _entry(
    name: str, item: Found, zeros: Mapping[bytes, bool], refused: Mapping[bytes, str]
) -> Entry:
    if item.kind == "missing":
        return Entry(name, "missing", type=item.type, detail=item.detail)
    if item.kind == "rejected" or item.sha256 is None:
        return _quarantined(name, item, item.type, item.detail)
    if item.sha256 in refused:
        return _quarantined(name, item, ModelServerRejected.type, refused[item.sha256])
    if zeros[item.sha256]:
        return _quarantined(name, item, NoFeatures.type, NoFeatures.title)
    return Entry(name, "embedded", item.sha256, item.stamp)


def _quarantined(name: str, item: Found, kind: str | None, detail: str | None) -> Entry:
    return Entry(name, "quarantined", item.sha256, item.stamp, kind, detail)
