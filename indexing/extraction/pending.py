"""New vectors within a ledger: they wait there, batch by batch, for a part of the features."""

import sqlite3
from collections.abc import Sequence

import msgspec
import numpy as np

from indexing.extraction.known import DIGEST_BYTES
from lookalike.vectors import Vectors, without_features

# This run's digests that have got a vector since it began; gone with the connection.
FRESH = "CREATE TEMP TABLE fresh (sha256 BLOB PRIMARY KEY, zero INTEGER NOT NULL) WITHOUT ROWID"


class Made(msgspec.Struct, frozen=True):
    """New vectors, ``float32[n, d]``, by the digests of their pictures."""

    digests: Sequence[bytes]
    vectors: Vectors


class Pending:
    """The vectors that no part of the features has yet; its owner locks and commits.

    A row a batch, so that a commit appends to the file: a row a vector, in the order of
    the digests, would write a page for each.

    Args:
        connection: of the ledger.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.count = 0
        connection.execute(FRESH)
        for made in self._batches():
            self._note(made)

    def add(self, made: Made) -> None:
        """Keep a batch."""
        vectors = np.ascontiguousarray(made.vectors, np.float32)
        self._connection.execute(
            "INSERT INTO pending VALUES (?, ?)", (b"".join(made.digests), vectors.tobytes())
        )
        self._note(made)

    def fresh(self, digests: Sequence[bytes]) -> dict[bytes, bool]:
        """Find those that have got a vector since the run began; True where it is all zero."""
        marks = ",".join("?" * len(digests))
        found = self._connection.execute(
            f"SELECT sha256, zero FROM fresh WHERE sha256 IN ({marks})",  # noqa: S608
            digests,
        )
        return {sha256: bool(zero) for sha256, zero in found}

    def all(self) -> Made:
        """Give all vectors that wait; at least one must."""
        batches = self._batches()
        digests = [digest for made in batches for digest in made.digests]
        return Made(digests, np.concatenate([made.vectors for made in batches]))

    def clear(self) -> None:
        """Forget the vectors that wait; that they were made stays known."""
        self._connection.execute("DELETE FROM pending")
        self.count = 0

    def _note(self, made: Made) -> None:
        zeros = without_features(made.vectors).tolist()
        self._connection.executemany(
            "INSERT OR IGNORE INTO fresh VALUES (?, ?)", zip(made.digests, zeros, strict=True)
        )
        self.count += len(made.digests)

    def _batches(self) -> list[Made]:
        rows = self._connection.execute("SELECT digests, vectors FROM pending").fetchall()
        return [_made(*row) for row in rows]


def _made(digests: bytes, vectors: bytes) -> Made:
    parts = range(0, len(digests), DIGEST_BYTES)
    names = [digests[start : start + DIGEST_BYTES] for start in parts]
    return Made(names, np.frombuffer(vectors, np.float32).reshape(len(names), -1))
