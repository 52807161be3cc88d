"""What the planner says of files and volumes, held against what is really written."""

import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from indexing.build.shards import attributes_name, pictures_name, shard_name, write_rows
from indexing.extraction.ledger import Entry
from indexing.extraction.parts import Part
from indexing.extraction.settings import ExtractionSettings
from indexing.planner import samples
from indexing.planner.attributes import Columns, column_bytes, json_bytes
from indexing.planner.figures import DEFAULTS, Basis
from indexing.planner.plan import Plan, Request, plan
from indexing.planner.volumes import disk
from indexing.publishing import GateSettings, publish
from indexing.publishing import Plan as BuildPlan
from indexing.reindex import Live, build_index, extract_part
from lookalike.catalogue import Folder, Picture, Stamp
from lookalike.index import PictureRow
from lookalike.settings import Settings
from lookalike.store import Location, open_indexes
from tests.indexing.embedders import DIMENSIONS, Means
from tests.indexing.extraction.jobs import MODEL
from tests.indexing.extraction.test_ledger import DIGEST, opened
from tests.pictures import write_pictures

STAMP = Stamp(123_456, 1_790_000_000_000_000_000, None)
ROWS = 70_000  # more texts than two bytes can tell apart


def rows(columns: Columns) -> Iterator[PictureRow]:
    """Make rows with attributes, their names and texts as long as the planner takes them."""
    for number, row in enumerate(samples.rows(ROWS)):
        attributes = {
            **{f"number-{n}": number / 100 + 1000 for n in range(columns.numbers)},
            **{f"categ. {n}": f"category {number % 300:011d}" for n in range(columns.categories)},
            **{f"title  {n}": f"a text {number:013d}" for n in range(columns.texts)},
        }
        yield msgspec.structs.replace(row, attributes=attributes)


@pytest.mark.parametrize("columns", [Columns(), Columns(numbers=2, categories=1, texts=1)])
def test_rows_and_attributes_are_of_the_planned_size(columns: Columns, tmp_path: Path) -> None:
    write_rows(rows(columns), ROWS, 1, tmp_path)
    basis = Basis(DEFAULTS)
    planned = {
        pictures_name(shard_name(0)): basis["row_bytes"] + json_bytes(columns, basis),
        attributes_name(shard_name(0)): column_bytes(columns, basis),
    }
    written = {path.name: path.stat().st_size / ROWS for path in tmp_path.iterdir()}
    # The columns of labels have 500 texts beside, which is little among more rows.
    assert written == pytest.approx(planned, rel=0.15)
    made = planned_for(ROWS, columns)
    assert made.memory.rows + made.memory.attributes == pytest.approx(ROWS * sum(planned.values()))


def planned_for(pictures: int, columns: Columns) -> Plan:
    return plan(Request(pictures=pictures, attributes=columns), DEFAULTS)


@pytest.mark.parametrize("kind", ["numbers", "categories", "texts"])
def test_each_attribute_takes_memory_and_disk(kind: str) -> None:
    none, one, two = (planned_for(10**6, Columns(**{kind: count})) for count in range(3))
    assert none.memory.total < one.memory.total < two.memory.total
    assert none.disk.store < one.disk.store < two.disk.store
    assert none.disk.job < one.disk.job < two.disk.job
    assert none.disk.replica < one.disk.replica < two.disk.replica


def test_attributes_leave_less_room_for_the_index() -> None:
    asked = Request(pictures=50_000_000, memory_bytes=25 * 10**9)
    columns = Columns(numbers=4, categories=4)
    assert plan(asked, DEFAULTS).factory.endswith("Refine(SQfp16)")
    with_columns = plan(msgspec.structs.replace(asked, attributes=columns), DEFAULTS)
    assert with_columns.factory.endswith("Refine(SQ8)")


def test_a_ledger_takes_no_more_than_is_planned(tmp_path: Path) -> None:
    path, count = tmp_path / "part-0-of-1.sqlite", 20_000
    names = [f"{number:08d} {'of a picture':40}" for number in range(count)]
    random.Random(0).shuffle(names)  # noqa: S311
    ledger = opened(path)
    for first in range(0, count, 1000):
        some = names[first : first + 1000]
        note = {"note": "x" * 40}
        ledger.look_up([Picture(name, f"file:///{name[:40]}", None, note) for name in some])
        ledger.record([Entry(name, "embedded", DIGEST, STAMP) for name in some])
    ledger.forget()
    ledger.finish()
    most = DEFAULTS["ledger_bytes"].value
    assert 0.5 * most < path.stat().st_size / count <= most


class Sizes:
    """Rebuilds an index of a bucket, and watches the job's disk where it has most on it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache = root / "cache"
        self.cache.mkdir()
        self.settings = Settings(store=f"memory://{root}", cache=str(self.cache))
        self.pictures = write_pictures(root / "pictures", labels=2, each=15)
        self.most = 0
        monkeypatch.setattr(tempfile, "tempdir", str(self.cache))  # as TMPDIR in a job's pod
        check = publish.check_draft

        def watched(*given: object) -> object:
            self.most = max(self.most, on_disk(self.cache))
            return check(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(publish, "check_draft", watched)

    def rebuild(self) -> None:
        """Extract and build in a new pod, whose cache is empty."""
        shutil.rmtree(self.cache)
        self.cache.mkdir()
        live = Live(MODEL, Means())
        one = ExtractionSettings(processes=1)
        extract_part(Folder(self.pictures), Part(), live, self.settings, one)
        made = BuildPlan(name="default", model=MODEL, anew=True)
        build_index(live, made, GateSettings(), self.settings)


def on_disk(folder: Path) -> int:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sum(path.stat().st_size for path in files)


def in_store(store: str, folder: str) -> int:
    location = Location(store)
    return sum(location.size(name) for name in location.files(folder))


def test_a_job_and_the_store_have_room_in_the_planned_volumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, versions = Sizes(tmp_path, monkeypatch), 3
    for _ in range(versions + 1):  # those that are kept, and the next one
        sizes.rebuild()
    store = sizes.settings.store
    indexes = open_indexes(store, "default")
    assert len(indexes.versions()) == versions + 1
    version = in_store(store, f"indexes/default/{indexes.current()}")
    found = {"versions": versions, "ledger_bytes": in_store(store, "ledgers") / 30}
    figures = {
        name: msgspec.structs.replace(DEFAULTS[name], value=value) for name, value in found.items()
    }
    planned = disk(30, DIMENSIONS, Columns(), version, Basis({**DEFAULTS, **figures}))
    assert sizes.most == pytest.approx(planned.job, rel=0.1)
    assert in_store(store, "") == pytest.approx(planned.store, rel=0.1)
