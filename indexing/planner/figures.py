"""The numbers that plans are made of, each with where it comes from.

The defaults marked CALIBRATED are what ``lookalike plan --calibrate`` measured on the machine
of docs/planning.md; on another one they are assumptions, until it is run there.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

CALIBRATED = "measured on another machine: docs/planning.md"
# Where a recall law's figures apply: that many inverted lists.
REFERENCE_LISTS = 1024
# Bytes of a code that the scanning rate is of, and numbers of a vector that the others are.
REFERENCE_CODE_BYTES = 32
REFERENCE_DIMENSIONS = 128


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One number."""

    what: str
    value: float
    unit: str
    source: Annotated[str, Meta(description="How it was measured, or why it is assumed.")]
    measured: Annotated[bool, Meta(description="On this machine; otherwise it is assumed.")] = False


Figures = Mapping[str, Figure]


def _assumed(what: str, value: float, unit: str, source: str = CALIBRATED) -> Figure:
    return Figure(what=what, value=value, unit=unit, source=source)


DEFAULTS: dict[str, Figure] = {
    "flat_ns": _assumed("exact search, one query", 0.07569, "ns a number of a vector"),
    "assign_ns": _assumed("comparing many vectors with lists", 0.02886, "ns a number, by one core"),
    "graph_us": _assumed("a step through a graph", 0.1834, "us a candidate and doubling"),
    "link_us": _assumed("linking a vector into a graph", 6.717, "us a doubling, by one core"),
    "query_us": _assumed("what any query costs", 8.647, "us"),
    "scan_ns": _assumed("scanning inverted lists", 6.717, "ns a code of 32 bytes"),
    "refine_us": _assumed("comparing a candidate again", 0.1968, "us"),
    "encode_us": _assumed("encoding a vector", 2.669, "us, by one core"),
    "list_misses": _assumed("what one list of 1,024 misses", 0.4522, "of the neighbours"),
    "list_power": _assumed("how misses fall with the lists probed", 1.384, "as a power"),
    "graph_misses": _assumed("what a graph misses with one candidate", 14.14, "of the neighbours"),
    "graph_power": _assumed("how misses fall with a graph's candidates", 2.213, "as a power"),
    "row_bytes": _assumed("a picture's id, place, label and digest", 142.0, "bytes"),
    "ledger_bytes": _assumed(
        "a picture's row in a ledger",
        450.0,
        "bytes",
        "an id, a URI and attributes of some 50 letters each; a third less where ids come in order",
    ),
    "name_bytes": _assumed("the name of an attribute", 8.0, "bytes", "as price or category"),
    "text_bytes": _assumed("a text of an attribute", 20.0, "bytes", "two or three words"),
    "decode_ms": _assumed("reading a 500x375 JPEG", 1.133, "ms, by one core"),
    "worker_bytes": _assumed("a process with faiss and OpenCV loaded", 80.16e6, "bytes"),
    "embed_rate": _assumed(
        "bulk embedding",
        1000.0,
        "pictures/s",
        "one GPU, VGG16 at 224 pixels; published for an RTX 3090: 1,022 to 1,729",
    ),
    "cpu_embed_rate": _assumed(
        "bulk embedding by one core",
        2.6,
        "pictures/s",
        "VGG16 at 224 pixels, from docs/benchmarks.md: 65 a second on two cores at 64 pixels",
    ),
    "embed_ms": _assumed(
        "embedding one query", 15.0, "ms", "a GPU, with the batch's wait for company"
    ),
    "http_ms": _assumed(
        "HTTP around a search", 0.6, "ms, by one core", "Flask under gunicorn, with the picture"
    ),
    "shard_us": _assumed(
        "each further shard", 34.0, "us a query", "four with one quantizer took 1.85 times one"
    ),
    "disk_rate": _assumed(
        "writing a version and reading it back", 100e6, "bytes/s", "a network volume"
    ),
    "spread": _assumed(
        "the 95th percentile of a step, by its median", 1.5, "times", "a machine shared with others"
    ),
    "versions": _assumed(
        "versions that the store keeps", 5.0, "versions", "as lookalike index prune leaves"
    ),
}


class Basis:
    """Gives figures by name and remembers which were asked for, for one plan."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self.used: dict[str, Figure] = {}

    def __getitem__(self, name: str) -> float:
        self.used[name] = self._figures[name]
        return self._figures[name].value
