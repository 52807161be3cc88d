"""The stage between reading and writing: blocks of pixels become vectors and outcomes."""

from collections.abc import Callable, Sequence

import msgspec

from indexing.extraction.blocks import PixelBlocks
from indexing.extraction.channel import Channel
from indexing.extraction.features import Known
from indexing.extraction.ledger import Ledger
from indexing.extraction.outcomes import Judged, judge
from indexing.extraction.pending import Made
from indexing.extraction.pool import Filled
from indexing.extraction.sender import Sender, stacked
from lookalike.vectors import without_features


class Embedded(msgspec.Struct):
    """A batch with its outcomes, and how long its reading took."""

    judged: Judged
    reading_seconds: float


class Embedding:
    """Embeds blocks; shared by the threads that send.

    Args:
        blocks: the shared memory.
        known: digests that had a vector when the run began.
        ledger: tells which have got one since.
        sender: the way to the model server.
        dimensions: length of a vector.
    """

    def __init__(
        self, blocks: PixelBlocks, known: Known, ledger: Ledger, sender: Sender, dimensions: int
    ) -> None:
        self._blocks, self._known, self._ledger = blocks, known, ledger
        self._sender, self._dimensions = sender, dimensions

    def run(
        self, filled: Channel[Filled], free: Channel[int], put: Callable[[Embedded], None]
    ) -> None:
        """Embed until there is nothing more to embed."""
        for block in filled:
            judged = self._judged(block)
            free.put(block.block)  # before the writer is waited for: it can be filled again
            put(Embedded(judged, block.seconds))

    def _judged(self, block: Filled) -> Judged:
        digests = [item.sha256 for item in block.found if item.kind == "pixels" and item.sha256]
        zeros = self._ledger.fresh(digests) if digests else {}
        made, refused = self._embed(block.block, digests, zeros)
        if made is not None:
            empty = without_features(made.vectors).tolist()
            zeros |= dict(zip(made.digests, empty, strict=True))
        for item in block.found:
            if item.kind == "known" and item.sha256:
                zeros[item.sha256] = item.sha256 in self._known.zeros
        judged = judge(block.pictures, block.found, zeros, refused)
        judged.made = made
        return judged

    def _embed(
        self, block: int, digests: Sequence[bytes], there: dict[bytes, bool]
    ) -> tuple[Made | None, dict[bytes, str]]:
        """Embed the pictures in a block's first slots, each content once and only if it is new."""
        slots = {digest: slot for slot, digest in enumerate(digests) if digest not in there}
        if not slots:
            return None, {}
        whole = len(slots) == len(digests)
        # As they lie there, or a copy without those that need no embedding.
        pixels = self._blocks[block]
        answer = self._sender.embed(pixels[: len(slots)] if whole else pixels[[*slots.values()]])
        sent = list(slots)
        refused = {sent[row]: reason for row, reason in answer.refused.items()}
        taken = [digest for digest in sent if digest not in refused]
        if not taken:
            return None, refused
        return Made(taken, stacked(answer, self._dimensions)), refused
