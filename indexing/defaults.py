"""What a build is told unless it is told otherwise; here, as flags name them before any import."""

TARGET_RECALL = 0.98  # recall@10
SHARD_LIMIT = 5_000_000  # vectors of a shard, at most
