"""The index: one published version, opened for search.

A version consists of segments: base shards, then at most one delta. Each has a faiss file
(and ``*.lists`` where faiss cannot map its inverted lists), a file of what its pictures are,
and one of their attributes as columns, which filters are evaluated over. Beside them are
``quarantine.sqlite``, ``probes.msgpack`` (pictures with the vectors they must give), perhaps
tombstones, and ``manifest.json``. Building one is the business of indexing/.
"""

from lookalike.index.attribute_summary import summarise
from lookalike.index.attribute_writer import AttributeWriter
from lookalike.index.attributes import Attributes, open_attributes
from lookalike.index.details import (
    AttributeSummary,
    IndexDetails,
    Measured,
    ModelReference,
    Origin,
    SearchParameters,
    Shard,
    ValueCount,
)
from lookalike.index.embedded import embedding_of, vector_of
from lookalike.index.filters import Filter, decode_filter, filter_of
from lookalike.index.folded import read_folded, write_folded
from lookalike.index.hit import Hit
from lookalike.index.picture_file import PictureFile, PictureWriter, write_pictures
from lookalike.index.picture_row import PictureRow
from lookalike.index.pictures import Pictures, PictureTable, open_pictures
from lookalike.index.probes import Probe, ProbeCheck, write_probes
from lookalike.index.quarantine import (
    Quarantined,
    QuarantineTable,
    write_quarantine,
)
from lookalike.index.selection import Bits, Selection, bits_of, has_bit
from lookalike.index.tombstones import read_tombstones, write_tombstones
from lookalike.index.version import IndexVersion, open_vectors

__all__ = [
    "AttributeSummary",
    "AttributeWriter",
    "Attributes",
    "Bits",
    "Filter",
    "Hit",
    "IndexDetails",
    "IndexVersion",
    "Measured",
    "ModelReference",
    "Origin",
    "PictureFile",
    "PictureRow",
    "PictureTable",
    "PictureWriter",
    "Pictures",
    "Probe",
    "ProbeCheck",
    "QuarantineTable",
    "Quarantined",
    "SearchParameters",
    "Selection",
    "Shard",
    "ValueCount",
    "bits_of",
    "decode_filter",
    "embedding_of",
    "filter_of",
    "has_bit",
    "open_attributes",
    "open_pictures",
    "open_vectors",
    "read_folded",
    "read_tombstones",
    "summarise",
    "vector_of",
    "write_folded",
    "write_pictures",
    "write_probes",
    "write_quarantine",
    "write_tombstones",
]
