"""From pictures to pooled features: read and augment in threads, embed in batches, cache.

This is the long part of training. It knows nothing of splits, heads or quality.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.catalogue import Picture, file_of
from lookalike.catalogue.storage import MAX_FILE_BYTES, read_bytes
from lookalike.errors import DataError, PictureError
from lookalike.picture import PictureContract
from lookalike.picture.contract import Pixels
from lookalike.progress import Meter
from lookalike.vectors import Vectors
from training import augment, feature_cache
from training.cached_base import CachedBase, batch_size
from training.feature_cache import Key
from training.framework import keras
from training.labelled import ORIGINAL
from training.model import weights_sha256
from training.precision import Precision
from training.reading import PictureReader
from training.split import Example, Skipped

# Kinds of files that are not used, besides the titles of pictures' errors.
NO_CATEGORY = "file in no category's folder"
SAME_FILE = "the same file as another one"
UNOPENED = "file that cannot be opened"

NAMED = 5  # files in an error
AGAIN = "run the same command again, which goes on where this one ended"

View = tuple[Example, int]


@dataclass(frozen=True)
class _Read:
    """What a thread made of one file: its digest, and the views that are not in the cache."""

    picture: Picture
    sha256: str = ""
    views: tuple[int, ...] = ()
    pixels: tuple[Pixels, ...] = ()
    error: str = ""
    kind: str = ""


class FeatureExtractor:
    """Pooled features of pictures and of their augmented views, through one base.

    Args:
        base: Keras model from ``[n, S, S, 3]`` RGB pixels to ``float32[n, d]``.
        contract: how files become pixels; its size is the base's.
        cache: the cache folder of all programs.
        workers: threads that read, decode and augment.
        max_decoded_bytes: limit of the memory for decoding one picture.
        fast: the same base in another precision, for augmented views; None: in none.
        large: see :class:`FeatureCache`.
        advice: what to do about a picture that is gone; see :class:`PictureReader`.

    Attributes:
        contract: as given.
        dimensions: d.
        reader: of the pictures.
        advice: as given.
        vector_bytes: that the cache takes for each view.
    """

    def __init__(
        self,
        base: Any,
        contract: PictureContract,
        cache: Path,
        workers: int,
        max_decoded_bytes: int,
        fast: tuple[Precision, Any] | None = None,
        *,
        large: bool = False,
        advice: str = "",
    ) -> None:
        self.contract, self.dimensions = contract, int(base.output_shape[-1])
        self.reader, self.advice = PictureReader(workers, max_decoded_bytes, advice), advice
        name = cache_name(weights_sha256(base), contract)
        self._originals = self._augmented = CachedBase(base, cache / "features" / name, large=large)
        self.vector_bytes = self._originals.cache.vector_bytes
        if fast is not None:
            precision, fast_base = fast
            folder = cache / "features" / f"{name}-{precision}"
            self._augmented = CachedBase(fast_base, folder, large=large)

    def examine(
        self, pictures: Sequence[Picture], known: Sequence[Example] = ()
    ) -> tuple[list[Example], list[Skipped]]:
        """Read all pictures, embed them as they are, and tell which of them cannot be used.

        Args:
            pictures: of one catalogue.
            known: examples that none of them may repeat.

        Returns:
            The usable ones, and those that are not: without a label, unreadable, or the
            same bytes as an earlier one.
        """
        earlier = {example.sha256: example.path for example in known}
        examples: list[Example] = []
        skipped: list[Skipped] = []
        for read in self._embedded(pictures, (ORIGINAL,), "embedding pictures"):
            picture = read.picture
            if read.error:
                skipped.append(Skipped(picture.id, read.error, read.kind))
            elif picture.label is None:
                skipped.append(Skipped(picture.id, "it is in no category's folder", NO_CATEGORY))
            elif read.sha256 in earlier:
                same = f"it is the same file as {earlier[read.sha256]}"
                skipped.append(Skipped(picture.id, same, SAME_FILE))
            else:
                earlier[read.sha256] = picture.id
                examples.append(Example(picture.id, read.sha256, picture.label))
        return examples, skipped

    def embed(self, examples: Sequence[Example], root: Path, views: int = 0) -> None:
        """Embed pictures and this many augmented views of each, where the cache has them not."""
        missing = [
            Picture(e.path, file_of(root, e.path).absolute().as_uri(), e.label)
            for e in examples
            if self.lacks([e], views)
        ]
        what = "embedding augmented views" if views else "embedding pictures"
        deque(self._embedded(missing, tuple(range(1 + views)), what), maxlen=0)

    def lacks(self, examples: Iterable[Example], views: int = 0) -> int:
        """Count the views of pictures, the originals among them, that the cache has not."""
        return sum(not self._has(e.sha256, view) for e in examples for view in range(1 + views))

    def vectors(self, examples: Sequence[Example], views: int = 0) -> Vectors:
        """Gather ``float32[n, 1 + views, d]``; the original is the first of each picture.

        Raises:
            DataError: a picture is not what it was when it was examined.
        """
        numbers = range(1 + views)
        self.check((e, view) for e in examples for view in numbers)
        gathered = np.empty((len(examples), len(numbers), self.dimensions), np.float32)
        for row, example in zip(gathered, examples, strict=True):
            row[:] = self.drawn((example, view) for view in numbers)
        return gathered

    def drawn(self, pairs: Iterable[View]) -> Vectors:
        """Gather some views' features ``float32[n, d]``, after :meth:`check`."""
        return np.array(
            [self._through(view).cache[Key(e.sha256, view)] for e, view in pairs], np.float32
        )

    def check(self, pairs: Iterable[View]) -> None:
        """Raise DataError where a picture is not what it was when it was examined."""
        missing = (e.path for e, view in pairs if not self._has(e.sha256, view))
        changed = list(islice(dict.fromkeys(missing), NAMED))
        if changed:
            raise DataError(
                f"{', '.join(changed)} cannot be read, or changed: {self.advice or AGAIN}"
            )

    def _embedded(
        self, pictures: Sequence[Picture], views: tuple[int, ...], what: str
    ) -> Iterator[_Read]:
        """Yield each picture's reading once its views are in the cache or about to be."""
        meter = Meter(what, len(pictures))
        bases = (self._originals, self._augmented)
        try:
            for read in self.reader.ahead(lambda one: self._read(one, views), pictures):
                for view, pixels in zip(read.views, read.pixels, strict=True):
                    self._through(view).embed(Key(read.sha256, view), pixels)
                meter.add(1)
                yield read
            for base in bases:
                base.embed_rest()
        finally:
            for base in bases:
                base.cache.flush()
            meter.close()

    def _through(self, view: int) -> CachedBase:
        return self._originals if view == ORIGINAL else self._augmented

    def _has(self, sha256: str, view: int) -> bool:
        return Key(sha256, view) in self._through(view).cache

    def _read(self, picture: Picture, views: tuple[int, ...]) -> _Read:
        try:
            data = read_bytes(picture.uri, MAX_FILE_BYTES)
        except PictureError as error:
            return _Read(picture, error=str(error), kind=error.title)
        except OSError as error:
            return _Read(picture, error=f"it cannot be opened: {error.strerror}", kind=UNOPENED)
        sha256 = hashlib.sha256(data).hexdigest()
        missing = tuple(view for view in views if not self._has(sha256, view))
        if picture.label is None:
            return _Read(picture, sha256)
        try:
            if not missing:  # the limit may have been lowered since they were made
                self.reader.check(data, self.contract)
                return _Read(picture, sha256)
            pixels = self.reader.decoded(data, self.contract)
        except PictureError as error:
            return _Read(picture, sha256, error=str(error), kind=error.title)
        shown = tuple(augment.view(pixels, sha256, view) for view in missing)
        return _Read(picture, sha256, missing, shown)


def cache_name(base_sha256: str, contract: PictureContract) -> str:
    """Name a cache by all that its vectors depend on besides picture and view number."""
    picture = f"{contract.fit}-{contract.size}-v{contract.version}"
    batches = f"batches-of-{batch_size()}"  # which decide the last digits
    made = f"augmented-v{augment.VERSION}-{batches}-{keras.backend.backend()}"
    return f"{base_sha256[:16]}-{picture}-{made}-pieces-v{feature_cache.VERSION}"
