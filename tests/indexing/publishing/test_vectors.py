"""Rows and the vectors that were gathered for them, paired by their place."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from indexing.extraction.features import Features
from indexing.extraction.known import as_digests
from indexing.publishing.vectors import gathered
from lookalike.errors import StoreError
from lookalike.index import PictureRow
from tests.indexing.extraction.jobs import MODEL

ROWS = [PictureRow(f"{n}", "", None, hashlib.sha256(b"%d" % n).digest(), {}) for n in range(9)]


def test_rows_that_changed_since_their_vectors_were_gathered_are_refused(tmp_path: Path) -> None:
    features = Features.of(str(tmp_path), MODEL)
    vectors = np.eye(9, MODEL.dimensions, dtype=np.float32) + 1
    features.write(as_digests([row.sha256 for row in ROWS]), vectors)
    paired = gathered(ROWS[1:], features, "l2", MODEL.dimensions, tmp_path)
    assert np.array_equal(paired.vectors, vectors[1:])
    assert list(paired.of(ROWS[1:])) == ROWS[1:]
    for others in (ROWS[:-1], ROWS[2:], [*ROWS[2:], ROWS[1]]):
        with pytest.raises(StoreError, match="changed while it was read"):
            list(paired.of(others))
