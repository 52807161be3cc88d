"""SIGKILL at every change of a file while a picture is put and another is deleted."""

import hashlib
import multiprocessing
import signal
from pathlib import Path
from typing import Any

from lookalike.changes import Addition, Additions, Deletion, open_changes
from lookalike.changes.record import Embedding
from tests.indexing.killing import ChangeCounter

# What takes a while to import is imported once for all processes.
PRELOADED = ["__main__", "lookalike.changes", "tests.indexing.killing"]
DATA = b"the bytes of a picture, whole"
VECTOR = Embedding(model="embedder", version=1, weights_sha256="0" * 64, vector=bytes(16))
ADDED = Addition("new", hashlib.sha256(DATA).hexdigest(), "bird", {"price": 3}, VECTOR)


def change(root: Path, kill_at: int | None, done: Any) -> None:
    """Put and delete as the service does; count what was told to be done."""
    counter = ChangeCounter(root, kill_at)
    log = open_changes(str(root / "store"), "default")
    log.put_picture(DATA)
    log.append(Additions([ADDED]))
    done[0] = 1
    log.append(Deletion(["old"]))
    done[:] = 2, counter.count


def run(root: Path, kill_at: int | None) -> tuple[int | None, int, int]:
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(PRELOADED)
    done = server.Array("i", 2)
    process = server.Process(target=change, args=(root, kill_at, done))
    process.start()
    process.join()
    return process.exitcode, *done


def test_a_change_is_there_wholly_or_not_at_all_and_what_was_told_is_there(tmp_path: Path) -> None:
    code, _, changes = run(tmp_path / "whole", None)
    assert code == 0
    assert changes > 6
    for kill_at in range(1, changes + 1):
        root = tmp_path / str(kill_at)
        code, told, _ = run(root, kill_at)
        assert code == -signal.SIGKILL
        log = open_changes(str(root / "store"), "default")
        found = [record.change for record in log.records()]
        assert found == [Additions([ADDED]), Deletion(["old"])][: len(found)]
        assert len(found) >= told, kill_at
        if found:  # a record is never there without its picture
            assert Path(log.picture_uri(ADDED).removeprefix("file://")).read_bytes() == DATA
        assert run(root, None)[0] == 0
        again = [record.change for record in log.records()][-2:]
        assert again == [Additions([ADDED]), Deletion(["old"])]
