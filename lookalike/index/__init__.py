"""The index: one published version, opened for search.

A version's folder holds ``shard-*.faiss`` (vectors by row position), ``pictures.sqlite``
(what each row is), ``probes.msgpack`` (pictures with the vectors they must give) and
``manifest.json``. Building one is the business of indexing/.
"""

from lookalike.index.details import IndexDetails, ModelReference, SearchParameters, Shard
from lookalike.index.pictures import PictureRow, PictureTable, write_pictures
from lookalike.index.probes import Probe, ProbeCheck, write_probes
from lookalike.index.version import Hit, IndexVersion

__all__ = [
    "Hit",
    "IndexDetails",
    "IndexVersion",
    "ModelReference",
    "PictureRow",
    "PictureTable",
    "Probe",
    "ProbeCheck",
    "SearchParameters",
    "Shard",
    "write_pictures",
    "write_probes",
]
