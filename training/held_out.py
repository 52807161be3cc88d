"""What held-out pictures find, kept beside the model for the export to calibrate scores with.

A search's hits, not any pairs: at one distance, a picture that was found among the nearest is
of the query's category more often than one drawn at random.
"""

from pathlib import Path

import msgspec

from lookalike.errors import ConfigurationError
from training.retrieval import Neighbours

FILE_NAME = "held_out_hits.json"
# Hits of each held-out picture: as many as a search gives unless it is told otherwise.
HITS = 10


class HeldOutHits(msgspec.Struct, frozen=True, kw_only=True):
    """The hits of each held-out picture among all other pictures, the nearest first.

    Attributes:
        weights_sha256: of the model whose vectors they are by.
        distances: one row a picture, Euclidean between vectors of length one.
        same: likewise, whether the hit is of the picture's category.
    """

    weights_sha256: str
    distances: list[list[float]]
    same: list[list[bool]]

    def __post_init__(self) -> None:
        lengths = {*map(len, self.distances), *map(len, self.same)}
        if len(self.distances) != len(self.same) or len(lengths) > 1:
            raise ValueError("each picture has as many distances as outcomes")


def write_held_out_hits(found: Neighbours, weights_sha256: str, path: Path) -> None:
    """Write hits as JSON."""
    hits = HeldOutHits(
        weights_sha256=weights_sha256,
        distances=found.distances.tolist(),
        same=found.same.tolist(),
    )
    path.write_bytes(msgspec.json.encode(hits))


def read_held_out_hits(path: Path) -> HeldOutHits | None:
    """Read hits; None where there are none, as beside models of before they were kept.

    Raises:
        ConfigurationError: the file holds something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=HeldOutHits)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path} does not hold held-out hits: {error}") from error
