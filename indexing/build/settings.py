"""What a build can be told."""

import msgspec

from indexing.defaults import SHARD_LIMIT, TARGET_RECALL
from indexing.factory import Recipe
from lookalike.cores import cores


class BuildSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to build.

    Attributes:
        recipe: index type; None chooses by size (:func:`indexing.factory.choose`).
        target_recall: recall@10 that search is tuned to, where the recipe leaves it open.
        shard_limit: most vectors of a shard.
        processes: most shards built at once.
        threads: of faiss, over all processes.
        memory_bytes: for the shards that are being built; None: as much as they take.
        index_bytes: memory that the finished index may take in a replica; None: any.
        seed: of the training sample and of the queries that are held out.
    """

    recipe: Recipe | None = None
    target_recall: float = TARGET_RECALL
    shard_limit: int = SHARD_LIMIT
    processes: int = msgspec.field(default_factory=cores)
    threads: int = msgspec.field(default_factory=cores)
    memory_bytes: int | None = None
    index_bytes: int | None = None
    seed: int = 7
