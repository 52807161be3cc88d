"""A manifest is read as it is iterated over, and never lives in memory."""

from itertools import count, islice
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFile
from pyarrow import csv, parquet

from lookalike.catalogue import open_catalogue, tables
from tests.lookalike.catalogue.manifests import WRITERS
from tests.memory import peak_bytes

_numbers = count()
CHECK = """
import sys
from lookalike.catalogue import check_unique, open_catalogue
check_unique(open_catalogue(*sys.argv[1:]))
"""


def big(kind: str) -> tuple[str, int]:
    """Put a manifest of sixty thousand rows into a remote storage; give its size too."""
    rows: list[list[object]] = [[f"{n:032}", f"bird/{n}.png"] for n in range(60_000)]
    place, data = f"memory://m{next(_numbers)}/m{kind}", WRITERS[kind](["id", "uri"], rows)
    fs, path = fsspec.core.url_to_fs(place)
    fs.pipe_file(path, data)
    return place, len(data)


@pytest.mark.parametrize("kind", [".csv", ".parquet"])
def test_a_part_of_the_file_is_read_before_the_first_picture_comes(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, size = big(kind)
    if kind == ".parquet":
        rewrite_in_small_groups(place)
    monkeypatch.setattr(tables, "BLOCK_BYTES", 10_000)  # some 40 are read ahead
    catalogue = open_catalogue(place)
    taken: list[int] = []
    read_file = MemoryFile.read
    monkeypatch.setattr(
        MemoryFile, "read", lambda file, n=-1: taken.append(n) or read_file(file, n)
    )
    stream = iter(catalogue)
    assert len(list(islice(stream, 10))) == 10
    first = sum(taken)
    assert 0 < first < size / 2
    assert len(list(stream)) == 59_990
    assert sum(taken) > first


def rewrite_in_small_groups(place: str) -> None:
    fs, path = fsspec.core.url_to_fs(place)
    with fs.open(path, "rb") as file:
        table = parquet.read_table(file)
    with fs.open(path, "wb") as file:
        parquet.write_table(table, file, row_group_size=10_000)


@pytest.mark.parametrize("kind", [".csv", pytest.param(".parquet", marks=pytest.mark.long)])
def test_a_million_rows_do_not_live_in_memory(kind: str, tmp_path: Path) -> None:
    """As one row group, which is as hard as it gets; peak against that of a fifth of the rows."""
    writing = pa.table(
        {
            "id": [f"shop/{n:040}" for n in range(1_000_000)],
            "uri": [f"https://pictures.example/{n:040}.png" for n in range(1_000_000)],
        }
    )
    for name, table in (("many", writing), ("few", writing.slice(0, 200_000))):
        if kind == ".parquet":
            parquet.write_table(table, tmp_path / f"{name}{kind}", row_group_size=1_000_000)
        else:
            csv.write_csv(table, tmp_path / f"{name}{kind}")
    few, many = (peak_bytes(CHECK, str(tmp_path / f"{name}{kind}")) for name in ("few", "many"))
    # What came between is 88 MB as bytes, over 300 MB as Python objects, and 6 MB as hashes.
    assert many - few < 60_000_000
