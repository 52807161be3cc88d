"""The artefact store: immutable versions under one root, and a pointer to the current one.

    <root>/models/<name>/<N>/…            <root>/features/<name>/<N>-<weights>/part-*.parquet
    <root>/indexes/<name>/<version>/…     <root>/indexes/<name>/CURRENT
    <root>/training/lookalike.keras, …     (in a bucket: <root>/training/<N>/…)

A version is a folder of data files and, written last, a ``manifest.json`` with each
file's size and SHA-256. A folder without one is not there. A version can share files of
an earlier one, which lie in that one's folder.
"""

from lookalike.store.cache import VerifiedCache
from lookalike.store.collection import Collection, made_at, open_indexes, open_models
from lookalike.store.files import abandoned
from lookalike.store.location import Location
from lookalike.store.manifest import FileDigest, Manifest, sha256_of
from lookalike.store.prune import prune
from lookalike.store.verify import check_sizes, verify_version

__all__ = [
    "Collection",
    "FileDigest",
    "Location",
    "Manifest",
    "VerifiedCache",
    "abandoned",
    "check_sizes",
    "made_at",
    "open_indexes",
    "open_models",
    "prune",
    "sha256_of",
    "verify_version",
]
