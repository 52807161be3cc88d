"""``lookalike index prune --features``: vectors, once nothing has their pictures any more."""

import json
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from indexing.extraction import ledger_file
from indexing.extraction.features import Features
from indexing.extraction.known import as_digests
from indexing.extraction.working_copy import ledgers_location
from indexing.index_cli import index
from indexing.unneeded_features import Pruned, prune_features
from lookalike.changes import Addition, Additions, Deletion
from lookalike.errors import StoreError
from lookalike.index import ModelReference, open_pictures, write_pictures
from lookalike.store.prune import prune
from tests.indexing.embedders import DIMENSIONS
from tests.indexing.publishing.galleries import MODEL, Gallery, a_plan

FOLDER = f"embedder/1-{'5' * 12}"
LATER = msgspec.structs.replace(MODEL, version=2, weights_sha256="6" * 64)


def pruned(gallery: Gallery) -> list[Pruned]:
    return prune_features(gallery.settings.store, gallery.indexes, gallery.settings.scratch)


def digests(features: Features) -> set[bytes]:
    chunks = [chunk for name in features.parts() for chunk in features.read(name)]
    return {bytes(digest).ljust(32, b"\0") for chunk in chunks for digest in chunk.digests.tolist()}


def listed(
    gallery: Gallery, model: ModelReference, *sha256s: bytes, index: str = "default"
) -> Path:
    """Write a ledger that lists pictures, as an extraction leaves it."""
    location = ledgers_location(gallery.settings.store, index, model)
    assert location.local is not None
    path = location.local / "part-0-of-1.sqlite"
    connection = ledger_file.open_for_writing(path)
    connection.executemany(
        "INSERT INTO pictures (id, uri, attributes, listing, sha256) VALUES (?, '', '', 1, ?)",
        [(sha256.hex(), sha256) for sha256 in sha256s],
    )
    ledger_file.close_finished(connection, path)
    return path


def test_a_deleted_picture_s_vector_goes_once_no_version_has_its_row(gallery: Gallery) -> None:
    row = gallery.row("picture 0005")
    gallery.changes.append(Deletion([row.id]))
    gallery.publish()  # with a tombstone: the base still has the row
    prune(gallery.indexes, keep=1)
    assert pruned(gallery) == []
    gallery.publish(a_plan(anew=True))
    assert pruned(gallery) == []  # one can be gone back to
    prune(gallery.indexes, keep=1)
    before = digests(gallery.features)
    assert pruned(gallery) == [Pruned(FOLDER, 1)]
    assert digests(gallery.features) == before - {row.sha256}
    assert pruned(gallery) == []
    gallery.publish(a_plan(anew=True))  # nothing that it needs is gone
    assert row.id not in gallery.found()


def test_what_a_ledger_or_another_index_has_stays(gallery: Gallery) -> None:
    kept, elsewhere, gone = (bytes([n]) * 32 for n in (1, 2, 3))
    vectors = np.ones((3, DIMENSIONS), np.float32)
    gallery.features.write(as_digests([kept, elsewhere, gone]), vectors)
    listed(gallery, MODEL, kept)
    listed(gallery, MODEL, elsewhere, index="another")
    assert pruned(gallery) == [Pruned(FOLDER, 1)]
    assert {kept, elsewhere} <= digests(gallery.features)
    assert gone not in digests(gallery.features)


def test_what_was_added_and_no_version_has_yet_stays(gallery: Gallery) -> None:
    added = b"\1" * 32
    gallery.features.write(as_digests([added]), np.ones((1, DIMENSIONS), np.float32))
    gallery.changes.append(Additions([Addition("added", added.hex())]))
    assert pruned(gallery) == []
    assert added in digests(gallery.features)
    gallery.changes.append(Deletion(["added"]))
    assert pruned(gallery) == [Pruned(FOLDER, 1)]


def test_a_digest_that_ends_in_zeros_is_one_like_any_other(gallery: Gallery) -> None:
    zeros = b"\7" * 30 + b"\0\0"
    gallery.features.write(as_digests([zeros]), np.ones((1, DIMENSIONS), np.float32))
    ledger = listed(gallery, MODEL, zeros)
    assert pruned(gallery) == []
    ledger.unlink()
    assert pruned(gallery) == [Pruned(FOLDER, 1)]


def test_an_older_model_goes_with_its_ledgers_once_no_version_is_of_it(gallery: Gallery) -> None:
    older = [listed(gallery, MODEL, gallery.row("picture 0001").sha256)]
    newest = listed(gallery, msgspec.structs.replace(LATER, version=3), b"\1" * 32)
    # Nobody can tell whether an index by another model's version is on its way.
    other = listed(gallery, msgspec.structs.replace(MODEL, name="other"), b"\1" * 32)
    features = Features.of(gallery.settings.store, LATER)
    count = len(digests(gallery.features))
    gallery.features = features
    gallery.publish(a_plan(anew=True, model=LATER))
    assert pruned(gallery) == []
    prune(gallery.indexes, keep=1)
    assert pruned(gallery) == [Pruned(FOLDER, count)]
    assert [path.exists() for path in (*older, newest, other)] == [False, True, True]
    assert len(digests(features)) == count


def test_while_an_extraction_runs_nothing_goes(gallery: Gallery) -> None:
    gone = b"\1" * 32
    gallery.features.write(as_digests([gone]), np.ones((1, DIMENSIONS), np.float32))
    path = listed(gallery, MODEL)
    with closing(ledger_file.open_for_writing(path)) as running:
        running.execute("SELECT count(*) FROM about").fetchall()
        with pytest.raises(StoreError, match="let it end"):
            pruned(gallery)
    assert gone in digests(gallery.features)


def test_what_was_written_since_stays(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = b"\1" * 32
    gallery.features.write(as_digests([gone]), np.ones((1, DIMENSIONS), np.float32))
    with monkeypatch.context() as patch:
        patch.setattr("lookalike.store.Location.age", lambda *_: 0.0)
        assert pruned(gallery) == []
    assert gone in digests(gallery.features)


def test_nothing_is_removed_for_a_version_without_some_of_its_rows(gallery: Gallery) -> None:
    """Whatever it has left reads well: another file stands in the place of its own."""
    made = gallery.publish()
    [rows] = (gallery.indexes.local / made.version).glob("*.pictures")
    pictures = list(open_pictures(rows))
    rows.unlink()
    write_pictures(rows, pictures[:-1])
    with pytest.raises(StoreError, match=f"is not of {len(pictures)} rows"):
        pruned(gallery)


def test_a_damaged_part_is_told_and_left(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    gallery.features.write(as_digests([b"\1" * 32]), np.ones((1, DIMENSIONS), np.float32))
    folder = Path(gallery.settings.store) / "features" / FOLDER
    (folder / "part-damaged.parquet").write_bytes(b"PAR1 and no more")
    assert pruned(gallery) == [Pruned(FOLDER, 1)]
    assert "part-damaged.parquet" in capsys.readouterr().err
    assert (folder / "part-damaged.parquet").exists()


def test_the_command_tells_how_many(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_STORE", gallery.settings.store)
    gallery.features.write(as_digests([b"\1" * 32]), np.ones((1, DIMENSIONS), np.float32))
    ran = CliRunner().invoke(index, ["prune", "--features"], catch_exceptions=False)
    assert f"removed 1 vectors of features/{FOLDER}" in ran.stdout
    ran = CliRunner().invoke(index, ["prune", "--features", "--json"], catch_exceptions=False)
    assert json.loads(ran.stdout)["features"] == []
