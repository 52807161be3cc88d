"""Parts of one extraction, on several machines, read as one."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexing.extraction import ledger_file
from indexing.extraction.extract import Job, extract
from indexing.extraction.features import Features
from indexing.extraction.ledgers import Ledgers
from indexing.extraction.parts import Part
from indexing.extraction.settings import ExtractionSettings
from indexing.extraction.working_copy import UPLOAD_SECONDS, WorkingCopy, ledgers_location, part_of
from lookalike.catalogue import Folder, Picture
from lookalike.errors import DataError, StoreError
from tests.indexing.embedders import Means
from tests.indexing.extraction.jobs import (
    MODEL,
    embedded,
    ledgers,
    reasons,
    run,
    vectors,
)
from tests.indexing.extraction.test_extract import ODD_IDS
from tests.indexing.extraction.test_ledger import opened
from tests.pictures import write_pictures

PARTS = [Part(number, 3) for number in range(3)]


@pytest.fixture
def catalogue(tmp_path: Path) -> list[Picture]:
    pictures = write_pictures(tmp_path / "pictures", labels=2, each=20)
    (pictures / "bad").write_bytes(b"no picture")
    listed = list(Folder(pictures))
    return listed + [Picture(name, listed[-1].uri) for name in ODD_IDS]


def test_parts_together_are_an_extraction_in_one(tmp_path: Path, catalogue: list[Picture]) -> None:
    run(catalogue, tmp_path / "whole")
    tallies = [run(catalogue, tmp_path, part=part) for part in PARTS]
    assert all(tally.pictures > 0 for tally in tallies)
    assert sum(tally.pictures for tally in tallies) == len(catalogue)
    assert embedded(tmp_path) == embedded(tmp_path / "whole")
    assert [row.id for row in embedded(tmp_path)] == sorted(
        item.id for item in catalogue if item.id != "bad"
    )
    assert reasons(tmp_path) == {"bad": "not-a-picture"}
    assert np.array_equal(vectors(tmp_path), vectors(tmp_path / "whole"))
    with ledgers(tmp_path) as all_parts:
        assert all_parts.counts() == {"embedded": len(catalogue) - 1, "quarantined": 1}


def test_a_part_can_be_run_again(tmp_path: Path, catalogue: list[Picture]) -> None:
    for part in PARTS:
        run(catalogue, tmp_path, part=part)
    before = embedded(tmp_path)
    embedder = Means()
    assert run(catalogue, tmp_path, embedder, part=PARTS[1]).embedded == 0
    assert embedder.embedded == 0
    assert embedded(tmp_path) == before


def test_no_extraction_gets_in_while_a_build_reads(
    tmp_path: Path, catalogue: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_file, "LOCK_SECONDS", 0.2)
    run(catalogue, tmp_path)
    with ledgers(tmp_path) as read:
        before = list(read.embedded())
        with pytest.raises(StoreError, match="or building an index from it: let it end"):
            run(catalogue[1:], tmp_path)
        assert list(read.embedded()) == before
    assert run(catalogue[1:], tmp_path).removed == 1


def test_before_any_extraction_it_is_said_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run lookalike extract"):
        ledgers(tmp_path)


def test_a_missing_part_is_named(tmp_path: Path, catalogue: list[Picture]) -> None:
    run(catalogue, tmp_path, part=PARTS[0])
    run(catalogue, tmp_path, part=PARTS[2])
    with pytest.raises(DataError, match=r"1 of 3 parts, such as part 1: .*--part 1 --of 3"):
        ledgers(tmp_path)
    with ledgers(tmp_path, unfinished=True) as some:
        assert sum(some.counts().values()) > 0


@pytest.mark.parametrize("unfinished", [False, True])
def test_several_divisions_are_refused(
    tmp_path: Path, catalogue: list[Picture], unfinished: bool
) -> None:
    """Read together, they would tell each picture twice."""
    run(catalogue, tmp_path)
    run(catalogue, tmp_path, part=PARTS[0])
    with pytest.raises(DataError, match="several divisions, into 1 and 3 parts"):
        ledgers(tmp_path, unfinished=unfinished)


def test_of_several_divisions_the_one_asked_for_is_read(
    tmp_path: Path, catalogue: list[Picture]
) -> None:
    for part in PARTS:
        run(catalogue[:-1], tmp_path, part=part)
    run(catalogue, tmp_path)
    found = {}
    for division in (1, 3):
        with Ledgers.of(str(tmp_path / "store"), "default", MODEL, division=division) as read:
            found[division] = {picture.id for picture in read.embedded()}
    assert found[1] - found[3] == {catalogue[-1].id}
    with pytest.raises(DataError, match="no ledger of a division into 2 parts"):
        Ledgers.of(str(tmp_path / "store"), "default", MODEL, division=2)


def test_a_run_that_was_broken_off_is_looked_at_only_when_asked_for(
    tmp_path: Path, catalogue: list[Picture]
) -> None:
    with pytest.raises(DataError, match="--max-rejected"):
        run([item for item in catalogue if item.id == "bad"], tmp_path, max_rejected=0.0)
    with pytest.raises(DataError, match=r"part 0 of 1 was broken off: .*--part 0 --of 1"):
        ledgers(tmp_path)
    assert reasons(tmp_path, unfinished=True) == {"bad": "not-a-picture"}


def test_a_part_that_is_being_extracted_is_not_read(tmp_path: Path) -> None:
    copy = WorkingCopy(
        ledgers_location(str(tmp_path / "store"), "default", MODEL), Part(), tmp_path
    )
    ledger = opened(copy.path)
    with pytest.raises(StoreError, match="another process is extracting"):
        ledgers(tmp_path, unfinished=True)
    ledger.close()


def test_a_ledger_is_read_from_storage_that_is_read_only(
    tmp_path: Path, catalogue: list[Picture]
) -> None:
    run(catalogue, tmp_path)
    folder = next((tmp_path / "store" / "ledgers").rglob("*.sqlite")).parent
    folder.chmod(0o500)
    assert len(embedded(tmp_path)) == len(catalogue) - 1
    folder.chmod(0o700)


def test_other_files_are_no_ledgers() -> None:
    assert part_of("part-2-of-3.sqlite") == Part(2, 3)
    assert part_of("part-3-of-3.sqlite") is None
    assert part_of("part-2-of-3.sqlite-wal") is None


def test_a_remote_ledger_is_worked_on_here_and_kept_there(
    tmp_path: Path, catalogue: list[Picture]
) -> None:
    store = f"memory://{tmp_path}/store"
    remote = Job(store=store, scratch=tmp_path / "scratch", index="default", model=MODEL)
    settings = ExtractionSettings(processes=1, max_rejected=1.0)
    assert extract(catalogue, remote, Means(), settings).made == 40
    for left in (tmp_path / "scratch").rglob("*.sqlite"):
        left.write_bytes(b"another machine's scratch is not looked at")
    embedder = Means()
    again = extract(catalogue, remote, embedder, settings)
    assert (again.unchanged, embedder.embedded) == (40 + len(ODD_IDS), 0)
    with Ledgers.of(store, "default", MODEL) as opened_there:
        assert sum(opened_there.counts().values()) == len(catalogue)
    assert len(Features.of(store, MODEL).parts()) == 1


def test_a_remote_ledger_is_uploaded_now_and_then(tmp_path: Path) -> None:
    now = 0.0
    location = ledgers_location(f"memory://{tmp_path}/store", "default", MODEL)
    copy = WorkingCopy(location, Part(), tmp_path / "scratch", lambda: now)
    ledger = opened(copy.path)
    ledger.look_up([Picture("a", "file:///a")])
    copy.checkpoint(ledger)
    assert location.names("*") == []
    now = UPLOAD_SECONDS + 1
    copy.checkpoint(ledger)
    ledger.close()
    assert location.names("*") == ["part-0-of-1.sqlite"]
    elsewhere = WorkingCopy(location, Part(), tmp_path / "other", lambda: now)
    ledger = opened(elsewhere.path)
    assert ledger.resumed
    assert len(ledger.look_up([Picture("a", "file:///a")]).to_read) == 1
    ledger.close()


def test_a_working_copy_is_one_process_s_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexing.extraction.working_copy.LOCK_SECONDS", 0.2)
    locations = [
        ledgers_location(f"memory://{tmp_path}/store", index, MODEL) for index in ("default", "b")
    ]
    first = WorkingCopy(locations[0], Part(), tmp_path)
    ledger = opened(first.path)
    with pytest.raises(StoreError, match="another process is extracting"):
        WorkingCopy(locations[0], Part(), tmp_path)
    with closing(WorkingCopy(locations[1], Part(), tmp_path)) as other:
        assert other.path != first.path  # another index's is not in its way
    ledger.look_up([Picture("a", "file:///a")])
    ledger.finish()
    first.finish()
    first.close()
    with closing(WorkingCopy(locations[0], Part(), tmp_path)) as next_one:
        assert next_one.path.exists()
