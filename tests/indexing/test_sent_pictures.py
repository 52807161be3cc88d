"""``lookalike index prune --pictures``: bytes that were sent, once nothing has them any more."""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexing.index_cli import index
from indexing.sent_pictures import SENDING_SECONDS, prune_pictures
from lookalike.changes import Addition, Additions, ChangeLog, Deletion
from lookalike.store import Location
from lookalike.store.prune import prune
from tests.indexing.publishing.galleries import Gallery, a_plan


def kept(gallery: Gallery) -> Path:
    return gallery.root / "store" / "requests" / gallery.settings.index / "pictures"


def send(gallery: Gallery, name: str, data: bytes, age: float = 2 * SENDING_SECONDS) -> str:
    """Add a picture as ``PUT`` does, some time ago."""
    sha256 = gallery.changes.put_picture(data)
    written = time.time() - age
    os.utime(kept(gallery) / sha256, (written, written))
    gallery.changes.append(Additions([Addition(name, sha256)]))
    return sha256


def test_what_is_asked_for_stays_and_what_was_deleted_or_replaced_goes(gallery: Gallery) -> None:
    send(gallery, "stays", b"stays")
    gone = [send(gallery, "replaced", b"before"), send(gallery, "deleted", b"deleted")]
    send(gallery, "replaced", b"after")
    gallery.changes.append(Deletion(["deleted"]))
    assert prune_pictures(gallery.indexes, gallery.changes, gallery.settings.scratch) == sorted(
        gone
    )
    left = {path.read_bytes() for path in kept(gallery).iterdir()}
    assert left == {b"stays", b"after"}
    assert prune_pictures(gallery.indexes, gallery.changes, gallery.settings.scratch) == []


def test_what_a_version_has_a_row_of_stays_until_no_version_has(gallery: Gallery) -> None:
    row = gallery.row("picture 0005")
    sha256 = send(gallery, row.id, (gallery.root / "pictures" / "5.png").read_bytes())
    assert sha256 == row.sha256.hex()
    gallery.changes.append(Deletion([row.id]))
    gallery.publish()  # with a tombstone: the base still has the row
    prune(gallery.indexes, keep=1)
    assert prune_pictures(gallery.indexes, gallery.changes, gallery.settings.scratch) == []
    gallery.publish(a_plan(anew=True))
    assert prune_pictures(gallery.indexes, gallery.changes, gallery.settings.scratch) == []
    prune(gallery.indexes, keep=1)
    assert prune_pictures(gallery.indexes, gallery.changes, gallery.settings.scratch) == [sha256]


def test_what_may_be_on_its_way_stays(gallery: Gallery) -> None:
    gallery.changes.put_picture(b"its record is about to be written")
    send(gallery, "deleted", b"just now", age=SENDING_SECONDS / 2)
    gallery.changes.append(Deletion(["deleted"]))
    (kept(gallery) / "notes.txt").write_text("somebody's own")
    assert prune_pictures(gallery.indexes, gallery.changes, gallery.settings.scratch) == []
    assert len(list(kept(gallery).iterdir())) == 3


class SentMeanwhile(ChangeLog):
    """A log that a picture is sent to again, in the moment in which its bytes are removed."""

    def remove_pictures(self, digests: Iterable[str]) -> None:
        """Remove them, after the record was written."""
        digests = list(digests)
        self.append(Additions([Addition("again", digests[0])]))
        super().remove_pictures(digests)


def test_what_is_sent_again_in_that_very_moment_is_not_lost(gallery: Gallery) -> None:
    others = [send(gallery, "others", data) for data in (b"a", b"b")]
    gallery.changes.append(Deletion(["others"]))
    again, gone = sorted(others)
    log = SentMeanwhile(Location(f"{gallery.settings.store}/requests/{gallery.settings.index}"))
    assert prune_pictures(gallery.indexes, log, gallery.settings.scratch) == [gone]
    assert hashlib.sha256(log.read_picture(again)).hexdigest() == again


def test_the_command_names_what_it_removed(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_STORE", gallery.settings.store)
    monkeypatch.setenv("LOOKALIKE_CACHE", gallery.settings.cache)
    sha256 = send(gallery, "deleted", b"deleted")
    gallery.changes.append(Deletion(["deleted"]))
    ran = CliRunner().invoke(index, ["prune", "--json"], catch_exceptions=False)
    assert json.loads(ran.stdout)["pictures"] == []
    ran = CliRunner().invoke(index, ["prune", "--pictures", "--json"], catch_exceptions=False)
    assert json.loads(ran.stdout) == {
        "indexes": [],
        "copies": [],
        "models": [],
        "pictures": [sha256],
        "features": [],
    }
