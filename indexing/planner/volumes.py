"""What volumes hold: the store's, a job's and a replica's."""

from typing import Annotated

import msgspec
from msgspec import Meta

from indexing.extraction.known import DIGEST_BYTES
from indexing.factory import FLOAT_BYTES
from indexing.planner.attributes import Columns, json_bytes
from indexing.planner.figures import Basis

# The served version's copy, or the one that serves, and the next.
AT_ONCE = 2


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes on disks; the pictures themselves are not counted, nor the model's versions."""

    version: Annotated[float, Meta(description="One version of the index.")]
    features: Annotated[float, Meta(description="The vectors of all pictures, by their digests.")]
    ledgers: Annotated[float, Meta(description="What extraction found of each picture.")]
    store: Annotated[
        float,
        Meta(description="The versions that are kept, the next one, features and ledgers."),
    ]
    job: Annotated[
        float,
        Meta(
            description="The cache and the temporary files of reindex or build, at the most: with "
            "a bucket as the store. With a volume, the next version and the ledgers lie in that."
        ),
    ]
    replica: Annotated[float, Meta(description="The verified copies, while they are swapped.")]


def disk(pictures: int, dimensions: int, columns: Columns, version: float, basis: Basis) -> Disk:
    """Add up what volumes hold.

    Args:
        pictures: how many.
        dimensions: of a vector.
        columns: which attributes they have.
        version: bytes of one version of the index.
        basis: the figures.
    """
    vectors = pictures * dimensions * FLOAT_BYTES
    features = vectors + pictures * DIGEST_BYTES
    ledgers = pictures * (basis["ledger_bytes"] + json_bytes(columns, basis))
    return Disk(
        version=version,
        features=features,
        ledgers=ledgers,
        store=version * (basis["versions"] + 1) + features + ledgers,
        # A ledger twice: as extraction wrote it, and as the build fetched it again.
        job=AT_ONCE * version + vectors + 2 * ledgers,
        replica=AT_ONCE * version,
    )
