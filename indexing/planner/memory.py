"""What a replica keeps in memory to be fast."""

from typing import Annotated

import msgspec
from msgspec import Meta

from indexing.planner.attributes import Columns, column_bytes, json_bytes, selection_bytes
from indexing.planner.figures import Basis


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of one replica."""

    index: float
    rows: float
    attributes: Annotated[float, Meta(description="Columns of attributes, and of the label.")]
    selections: Annotated[float, Meta(description="Of filters that were asked for, at the most.")]
    workers: float
    while_swapping: Annotated[float, Meta(description="With the next version beside this one.")]
    fits: Annotated[bool | None, Meta(description="In what was asked for; null: nothing was.")]

    @property
    def version(self) -> float:
        """Bytes of the files of one version."""
        return self.index + self.rows + self.attributes

    @property
    def total(self) -> float:
        """Bytes of one replica that serves one version."""
        return self.version + self.selections + self.workers


def without_index(pictures: int, columns: Columns, processes: int, basis: Basis) -> Memory:
    """Say what there is beside an index, whose type is chosen by what this leaves."""
    return Memory(
        index=0.0,
        rows=pictures * (basis["row_bytes"] + json_bytes(columns, basis)),
        attributes=pictures * column_bytes(columns, basis),
        selections=selection_bytes(columns, processes),
        workers=processes * basis["worker_bytes"],
        while_swapping=0.0,
        fits=None,
    )


def with_index(beside: Memory, index: float, most: int | None) -> Memory:
    """Add the index, and tell whether all fits into ``most`` bytes; None: nobody asked."""
    whole = msgspec.structs.replace(beside, index=index)
    return msgspec.structs.replace(
        whole,
        while_swapping=whole.total + whole.version + whole.selections,
        fits=None if most is None else whole.total <= most,
    )
