"""What attributes take: columns that filters are evaluated over, and JSON in every row."""

from typing import Annotated

import msgspec
from msgspec import Meta

from indexing.planner.figures import Basis
from lookalike.index.columns import FIRST_TEXT
from lookalike.index.version import SELECTION_BYTES

# An array of float64; codes of a column with up to 65,533 texts; codes of one with more, of which
# each text has its end and its count in 8 bytes.
NUMBER_BYTES, CATEGORY_BYTES, TEXT_BYTES = 8, 2, 4 + 8 + 8
MOST_CATEGORIES = (1 << 16) - FIRST_TEXT
# Quotes, a colon and a comma around a name; quotes around a text; the digits of a price.
NAME_MARKS, TEXT_MARKS, DIGITS = 4, 2, 6


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """How many attributes every picture has beside its label, by what kind of values they have."""

    numbers: Annotated[int, Meta(ge=0, description="Numbers, such as a price.")] = 0
    categories: Annotated[
        int, Meta(ge=0, description=f"Texts, up to {MOST_CATEGORIES:,} different ones.")
    ] = 0
    texts: Annotated[int, Meta(ge=0, description="Texts, another one for each picture.")] = 0

    @property
    def count(self) -> int:
        """How many there are, the label not counted."""
        return self.numbers + self.categories + self.texts


def column_bytes(columns: Columns, basis: Basis) -> float:
    """Say what the columns of one picture take, in the file and in memory, its label included."""
    taken = NUMBER_BYTES * columns.numbers + CATEGORY_BYTES * (1 + columns.categories)
    if not columns.texts:
        return taken
    return taken + (TEXT_BYTES + basis["text_bytes"]) * columns.texts


def json_bytes(columns: Columns, basis: Basis) -> float:
    """Say what the attributes of one picture take in a row, as JSON."""
    if not columns.count:
        return 0.0
    texts = columns.categories + columns.texts
    named = (NAME_MARKS + basis["name_bytes"]) * columns.count
    return named + DIGITS * columns.numbers + (TEXT_MARKS + basis["text_bytes"]) * texts


def selection_bytes(columns: Columns, processes: int) -> int:
    """Say what the selections of filters that were asked for before take at most."""
    return processes * SELECTION_BYTES if columns.count else 0
