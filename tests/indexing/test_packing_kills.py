"""SIGKILL at every change of a file while change records are packed and removed."""

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from indexing.packing import pack
from lookalike.changes import Deletion, open_changes
from tests.indexing.killing import ChangeCounter, run_apart
from tests.lookalike.changes.asking import ask, words


def pack_twice(root: Path, kill_at: int | None, done: Any) -> None:
    """Pack, then remove what that has, as two runs hours apart do; die at a change of a file."""
    counter = ChangeCounter(root, kill_at)
    log = open_changes(str(root), "default")
    pack(log, few=0)
    pack(log, few=0, settled_seconds=0)
    done.value = counter.count


def run(root: Path, kill_at: int | None) -> tuple[int | None, int]:
    return run_apart(pack_twice, root, kill_at)


@pytest.mark.long
def test_a_kill_at_any_change_of_a_file_loses_nothing(tmp_path: Path) -> None:
    log = open_changes(str(tmp_path / "before"), "default")
    ask(log, 2)
    pack(log, few=0)  # so that there is a pack to be replaced as well
    before = ask(log, 2)
    shutil.copytree(tmp_path / "before", tmp_path / "whole")
    code, steps = run(tmp_path / "whole", None)
    assert code == 0
    assert steps > 12
    for kill_at in range(1, steps + 1):
        root = tmp_path / str(kill_at)
        shutil.copytree(tmp_path / "before", root)
        assert run(root, kill_at)[0] == -signal.SIGKILL
        log = open_changes(str(root), "default")
        assert words(log.standing()) == words(before), kill_at
        assert log.news(before.names).records == [], kill_at
        pack(log, few=0, settled_seconds=0)
        pack(log, few=0, settled_seconds=0)
        assert [len(names) for names in (log.listed().records, log.listed().packs)] == [0, 1]
        assert words(log.standing()) == words(before), kill_at
        log.append(Deletion(["a"]))  # which clears away what a killed writer left
        assert [path.suffix for path in sorted((root / "requests/default").iterdir())] == [
            ".pack",
            ".json",
        ]
