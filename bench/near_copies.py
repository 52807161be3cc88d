"""Where copies of a picture end and other pictures begin: the thresholds of training's near copies.

Copies of each sample stamp are held against it, and the stamps against each other: by the cosine
of VGG16's features, which proposes pairs, and by what is compared of their pixels, which decides.
Fashion-MNIST is the hard case: of 28×28 grey pixels, thousands of shirts look alike. At last it
is timed how long many pictures take of which none is a copy: a multiplication of all by all.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench import fashion
from bench.command import Plan, command
from bench.duplicates import BATCH, COPIES
from bench.duplicates import SIDE as DRAWN_SIDE
from bench.facts import Fact
from demo.samples import stamps
from lookalike.picture import PictureContract, read_picture, read_thumbnail
from lookalike.picture.contract import Pixels
from lookalike.progress import track
from lookalike.settings import Settings
from lookalike.vectors import Vectors, unit
from training.copy_check import CONTRACT, LEAST_CORRELATION, Agreement, agreement, reduced
from training.labelled import Rows
from training.model import build_base
from training.near_copies import LEAST_COSINE, NEAREST, grouped
from training.weights import imagenet_weights

SIZE = 64
PICTURES, QUICK_PICTURES = 112, 16
FASHION, QUICK_FASHION = 2000, 500
MANY, QUICK_MANY = 100_000, 2000
DIMENSIONS = 512

Copy = Callable[[Any], bytes]


def _encoded(suffix: str, pixels: Any, *how: int) -> bytes:
    _, data = cv2.imencode(suffix, pixels, list(how))
    return bytes(data)


def _corner(pixels: Any, share: float) -> bytes:
    """Cut off at the top and at the right alone."""
    top, left = (round(side * share) for side in pixels.shape[:2])
    return _encoded(".jpg", pixels[top:, : pixels.shape[1] - left], cv2.IMWRITE_JPEG_QUALITY, 90)


# Beside those that `GET /duplicates` is measured with.
MORE: dict[str, Copy] = {
    "webp80": lambda pixels: _encoded(".webp", pixels, cv2.IMWRITE_WEBP_QUALITY, 80),
    "corner10": lambda pixels: _corner(pixels, 0.1),
    "corner15": lambda pixels: _corner(pixels, 0.15),
}


@contextmanager
def near_copies(quick: bool) -> Iterator[Plan]:
    """Measure copies, other pictures, the hard case, and the time of many."""
    cache = Path(Settings.from_environment().cache)
    files = sorted(stamps(cache).glob("*/*.png"))
    files = files[:: len(files) // (QUICK_PICTURES if quick else PICTURES)]
    pictures = [read_thumbnail(file.read_bytes(), DRAWN_SIDE)[..., ::-1] for file in files]
    originals = [_encoded(".png", picture) for picture in pictures]
    copies = {name: list(map(copy, pictures)) for name, copy in (COPIES | MORE).items()}
    shown = list(map(_shown, originals))
    facts = [*_pixels(shown, copies)]
    cosines = _Cosines(cache, originals)
    facts += cosines.facts(copies)
    facts += _of_others(shown, cosines.nearest())
    facts += _fashion(cache, QUICK_FASHION if quick else FASHION)
    facts += _many(QUICK_MANY if quick else MANY)
    yield Plan(item="pictures", rounds=0, candidates=[], facts=facts)


def _pixels(shown: Sequence[Pixels], copies: dict[str, list[bytes]]) -> Iterator[Fact]:
    for name, files in copies.items():
        found = [
            agreement(one, _shown(file))
            for one, file in zip(shown, track(files, f"comparing {name}"), strict=True)
        ]
        yield from _of_copies(name, found)


def _of_copies(name: str, found: Sequence[Agreement]) -> Iterator[Fact]:
    for what, values in zip(Agreement._fields, np.transpose(found), strict=True):
        yield Fact(
            name=f"{name}.{what}.p5", value=float(np.percentile(values, 5)), unit="of copies"
        )
    share = 100 * float(np.mean([one.is_near_copy for one in found]))
    yield Fact(name=f"{name}.found", value=share, unit="% are called copies")


def _of_others(shown: Sequence[Pixels], nearest: Rows) -> Iterator[Fact]:
    """Compare each stamp with those that are nearest to it, of which none is its copy."""
    found = [
        agreement(shown[row], shown[other])
        for row, others in enumerate(track(nearest, "comparing others"))
        for other in others
    ]
    fitting = [one.detail for one in found if one.correlation >= LEAST_CORRELATION]
    yield Fact(name="others.correlation", value=max(found)[0], unit="most of any pair")
    unit_ = f"most where the correlation is {LEAST_CORRELATION} or more"
    yield Fact(name="others.detail", value=max(fitting, default=0.0), unit=unit_)
    share = 100 * float(np.mean([one.is_near_copy for one in found]))
    yield Fact(name="others.found", value=share, unit=f"% of {len(found)} pairs are called copies")


class _Cosines:
    """Cosines of VGG16's features, between the originals and anything else."""

    def __init__(self, cache: Path, originals: Sequence[bytes]) -> None:
        self._base = build_base(SIZE, imagenet_weights(cache).layers)
        self._originals = self._vectors(originals)

    def facts(self, copies: dict[str, list[bytes]]) -> Iterator[Fact]:
        for name, files in copies.items():
            cosines = (self._originals * self._vectors(files)).sum(axis=1)
            share = 100 * float((cosines >= LEAST_COSINE).mean())
            least = float(np.percentile(cosines, 5))
            unit_ = f"% are proposed: cosine {LEAST_COSINE} or more; p5 is {least:.3f}"
            yield Fact(name=f"{name}.proposed", value=share, unit=unit_)
        near = np.sort(self._among())[:, -1]
        share = 100 * float((near >= LEAST_COSINE).mean())
        yield Fact(name="others.proposed", value=share, unit="% have another so near")

    def nearest(self) -> Rows:
        return np.argsort(-self._among(), axis=1)[:, :NEAREST]

    def _among(self) -> Vectors:
        cosines = self._originals @ self._originals.T
        np.fill_diagonal(cosines, -1)
        return np.asarray(cosines)

    def _vectors(self, files: Sequence[bytes]) -> Vectors:
        contract, made = PictureContract(size=SIZE), []
        for first in track(range(0, len(files), BATCH), "embedding"):
            pixels = [read_picture(data, contract) for data in files[first : first + BATCH]]
            made.append(np.asarray(self._base.predict_on_batch(np.stack(pixels))))
        return unit(np.concatenate(made))


def _fashion(cache: Path, count: int) -> Iterator[Fact]:
    vectors, labels = fashion.pooled_features(cache, count)
    pictures = fashion.pictures(cache, count)

    def read(rows: Sequence[int]) -> Iterator[Pixels]:
        return (_shown(_encoded(".png", 255 - pictures[row])) for row in rows)

    groups = grouped(vectors, read)
    together = 100 * sum(map(len, groups)) / count
    yield Fact(name="fashion.grouped", value=together, unit=f"% of {count:,}: {len(groups)} groups")
    largest = max(map(len, groups), default=0)
    yield Fact(name="fashion.largest", value=largest, unit="pictures in one group")
    mixed = sum(len(set(labels[rows])) > 1 for rows in groups)
    yield Fact(name="fashion.mixed", value=mixed, unit="groups of more than one category")


def _many(count: int) -> Iterator[Fact]:
    vectors = np.random.default_rng(0).standard_normal((count, DIMENSIONS), np.float32)
    started = time.perf_counter()
    assert not grouped(vectors, lambda _: iter(()))
    seconds = time.perf_counter() - started
    unit_ = f"s for {count:,} pictures, {NEAREST} nearest of each"
    yield Fact(name="search", value=seconds, unit=unit_)


def _shown(data: bytes) -> Pixels:
    return reduced(read_picture(data, CONTRACT))


main = command("near_copies", near_copies)

if __name__ == "__main__":
    main()
