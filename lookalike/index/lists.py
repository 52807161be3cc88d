"""Inverted lists of PQ fast-scan, in a file that is mapped, so that processes share its pages.

faiss maps most of an index, but reads fast-scan's lists into memory of each process. Its
``OnDiskInvertedLists`` serves them just as well: a list's packed blocks of 32 vectors are
codes of its capacity, a multiple of 32, and its row numbers follow them. The file holds
first a table of ``uint64[lists, 3]``: size, capacity, and offset of each list.
"""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from lookalike.errors import DigestMismatch

Table = npt.NDArray[np.uint64]

# fast-scan requires codes at multiples of 32 bytes; 64 is a cache line.
ALIGNMENT = 64
NUMBER_BYTES = 8
TABLE_COLUMNS = 3


def write_lists(path: Path, ivf: Any) -> None:
    """Write the lists of a fast-scan index, and leave it with empty ones."""
    lists = faiss.downcast_InvertedLists(ivf.invlists)
    table = _layout(lists)
    code_size = lists.block_size // lists.n_per_block
    with path.open("wb") as file:
        file.write(table.tobytes())
        for number, (size, capacity, offset) in enumerate(table.tolist()):
            file.write(bytes(offset - file.tell()))
            if size:
                file.write(faiss.rev_swig_ptr(lists.get_codes(number), code_size * capacity))
                file.write(faiss.rev_swig_ptr(lists.get_ids(number), size))
    empty = faiss.ArrayInvertedLists(ivf.nlist, ivf.code_size)
    empty.thisown = False
    ivf.replace_invlists(empty, True)


def map_lists(path: Path, ivf: Any) -> Any:
    """Map a written file as the lists of ``ivf``; the result must live as long as ``ivf``.

    Raises:
        DigestMismatch: the file is shorter than its own table says.
    """
    size = path.stat().st_size
    table = np.fromfile(path, np.uint64, ivf.nlist * TABLE_COLUMNS)
    if len(table) != ivf.nlist * TABLE_COLUMNS or _end(table, ivf.code_size) > size:
        raise DigestMismatch(f"{path} is no file of {ivf.nlist} inverted lists")
    lists = faiss.OnDiskInvertedLists()
    lists.nlist, lists.code_size = ivf.nlist, ivf.code_size
    lists.filename, lists.totsize, lists.read_only = str(path), size, True
    lists.prefetch_nthread = 0  # mapped pages need no threads that fault them in
    lists.lists.resize(ivf.nlist)
    faiss.memcpy(lists.lists.data(), faiss.swig_ptr(table), table.nbytes)
    lists.do_mmap()
    ivf.replace_invlists(lists, False)
    return lists


def _layout(lists: Any) -> Table:
    block, codes = lists.n_per_block, lists.block_size // lists.n_per_block
    table = np.zeros((lists.nlist, TABLE_COLUMNS), np.uint64)
    end = table.nbytes
    for number in range(lists.nlist):
        size = lists.list_size(number)
        capacity = -(-size // block) * block
        offset = -(-end // ALIGNMENT) * ALIGNMENT
        table[number] = size, capacity, offset
        end = offset + capacity * codes + size * NUMBER_BYTES
    return table


def _end(table: Table, code_size: int) -> int:
    size, capacity, offset = table.reshape(-1, TABLE_COLUMNS).astype(np.int64).T
    return int((offset + capacity * code_size + size * NUMBER_BYTES).max(initial=0))
