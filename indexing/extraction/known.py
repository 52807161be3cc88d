"""Digests that have a vector, sorted in a mapped file that all reading processes share.

32 bytes each and no Python object: a million take 32 MB of page cache, once.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from indexing.extraction.shared_file import SharedFile

DIGEST_BYTES = 32
# Comparing bytes of one length, NumPy's strings order as the digests do. (Taking single
# elements out would cut trailing zero bytes; arrays as wholes are exact.)
DIGEST = np.dtype(f"S{DIGEST_BYTES}")
Digests = npt.NDArray[np.bytes_]
BUCKETS = 256


class KnownDigests:
    """A sorted set of SHA-256 digests that never changes; safe to share between threads.

    Args:
        file: the digests, one after the other; None for none at all.
    """

    def __init__(self, file: SharedFile | None) -> None:
        self._file = file
        memory = file.memory if file else b""
        self._sorted: Digests = np.frombuffer(memory, DIGEST)

    def __len__(self) -> int:
        return len(self._sorted)

    def __contains__(self, digest: bytes) -> bool:
        """Look one up by bisection: less work than an array of one takes."""
        if self._file is None:
            return False
        memory, low, high = self._file.memory, 0, len(self._sorted)
        while low < high:
            middle = (low + high) // 2
            found = memory[middle * DIGEST_BYTES : (middle + 1) * DIGEST_BYTES]
            if found == digest:
                return True
            if found < digest:
                low = middle + 1
            else:
                high = middle
        return False

    def contain(self, digests: Digests) -> npt.NDArray[np.bool_]:
        """Look many up: ``S32[n]`` to ``bool[n]``."""
        if not len(self._sorted):
            return np.zeros(len(digests), np.bool_)
        places = np.searchsorted(self._sorted, digests)
        return np.asarray(self._sorted[np.minimum(places, len(self._sorted) - 1)] == digests)

    def close(self) -> None:
        """Close the file."""
        self._sorted = np.empty(0, DIGEST)
        if self._file is not None:
            self._file.close()

    def __reduce__(self) -> "tuple[type[KnownDigests], tuple[SharedFile | None]]":
        return KnownDigests, (self._file,)


def as_digests(values: Sequence[bytes]) -> Digests:
    """Lay digests of 32 bytes side by side: ``S32[n]``."""
    return np.frombuffer(b"".join(values), DIGEST)


def sort_digests(chunks: Iterable[Digests]) -> KnownDigests:
    """Sort any number of digests, given in chunks, within bounded memory.

    They are spread over 256 buckets by their first byte, which SHA-256 fills evenly, and
    each bucket is sorted in memory: a 256th of all of them at a time.
    """
    spool, counts = _spooled(chunks)
    total = int(counts.sum())
    if spool is None:
        return KnownDigests(None)
    target = SharedFile.on_disk(total * DIGEST_BYTES)
    digests = np.frombuffer(target.memory, DIGEST)
    ends = np.cumsum(counts)
    _spread(np.frombuffer(spool.memory, DIGEST, total), digests, ends - counts)
    spool.close()
    for start, end in zip(ends - counts, ends, strict=True):
        digests[start:end].sort()
    return KnownDigests(target)


def _spooled(chunks: Iterable[Digests]) -> tuple[SharedFile | None, npt.NDArray[np.int64]]:
    """Write the chunks to one file as they come, counting first bytes."""
    spool: SharedFile | None = None
    counts, size = np.zeros(BUCKETS, np.int64), 0
    for chunk in chunks:
        if not len(chunk):
            continue
        counts += np.bincount(_first_bytes(chunk), minlength=BUCKETS)
        data = chunk.tobytes()
        spool = _with_room(spool, size + len(data))
        spool.memory[size : size + len(data)] = data
        size += len(data)
    return spool, counts


def _with_room(file: SharedFile | None, size: int) -> SharedFile:
    if file is None:
        return SharedFile.on_disk(size)
    if file.size < size:
        file.size = max(size, 2 * file.size)
        file.memory.resize(file.size)
    return file


def _spread(source: Digests, target: Digests, starts: npt.NDArray[np.int64]) -> None:
    """Copy each digest into its bucket, which begins at ``starts[first byte]``."""
    free = starts.copy()
    step = 1 << 18
    for begin in range(0, len(source), step):
        chunk = source[begin : begin + step]
        first = _first_bytes(chunk)
        order = np.argsort(first, kind="stable")
        counts = np.bincount(first, minlength=BUCKETS)
        within = np.arange(len(chunk)) - np.repeat(np.cumsum(counts) - counts, counts)
        target[np.repeat(free, counts) + within] = chunk[order]
        free += counts


def _first_bytes(digests: Digests) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(digests).view(np.uint8)[::DIGEST_BYTES]
