"""Galleries of these tests: pictures of one colour each, published without an extraction."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from indexing.build import BuildSettings
from indexing.extraction.features import Features
from indexing.extraction.known import as_digests
from indexing.publishing import Base, GateSettings, Plan, Published, Publisher, Wanted
from lookalike.changes import open_changes
from lookalike.index import IndexVersion, ModelReference, PictureRow, Quarantined
from lookalike.picture import PictureContract, read_picture
from lookalike.settings import Settings
from lookalike.store import VerifiedCache, open_indexes
from tests.indexing.embedders import DIMENSIONS, Means

MODEL = ModelReference(
    name="embedder",
    version=1,
    weights_sha256="5" * 64,
    picture=PictureContract(size=32),
    dimensions=DIMENSIONS,
)


class Gallery:
    """Pictures by id, and the index that is made of them.

    Every picture has a colour drawn from its number: equal numbers give equal files.
    """

    def __init__(self, root: Path, store: str = "") -> None:
        self.root = root
        self.settings = Settings(store=store or str(root / "store"), cache=str(root / "cache"))
        self.indexes = open_indexes(self.settings.store, self.settings.index)
        self.changes = open_changes(self.settings.store, self.settings.index)
        self.features = Features.of(self.settings.store, MODEL)
        self.embedder = Means()
        self.pictures: dict[str, int] = {}
        self.quarantine: list[Quarantined] = []
        self._rows: dict[tuple[str, int], PictureRow] = {}
        (root / "pictures").mkdir(parents=True, exist_ok=True)

    def fill(self, count: int, first: int = 0) -> None:
        """Put pictures ``first`` to before ``first + count`` into the gallery."""
        self.pictures |= {f"picture {n:04d}": n for n in range(first, first + count)}

    def publish(self, plan: Plan | None = None, gate: GateSettings | None = None) -> Published:
        """Publish what the gallery holds, less what was deleted."""
        publisher = Publisher(
            self.settings, plan or a_plan(), self.features, self.embedder, gate or GateSettings()
        )
        return publisher.publish(self.want)

    def want(self, _: Base | None) -> "Rows":
        now = self.changes.standing()
        self._embed()
        rows = [self.row(name) for name in sorted(self.pictures) if name not in now.deleted]
        return Rows(rows, self.quarantine, now.deleted, now.names)

    def row(self, name: str) -> PictureRow:
        """Give a picture's row; its file is written as it is first asked for."""
        number = self.pictures[name]
        if (name, number) not in self._rows:
            path = self.root / "pictures" / f"{number}.png"
            if not path.exists():
                cv2.imwrite(str(path), picture(number))
            sha256 = hashlib.sha256(path.read_bytes()).digest()
            self._rows[name, number] = PictureRow(name, path.as_uri(), None, sha256)
        return self._rows[name, number]

    def vector(self, name: str) -> np.ndarray:
        data = (self.root / "pictures" / f"{self.pictures[name]}.png").read_bytes()
        return self.embedder.embed(read_picture(data, MODEL.picture)[None])[0]

    def opened(self, version: str | None = None) -> IndexVersion:
        """Open a version as a replica would, with all changes applied."""
        name = version or self.indexes.current()
        cache = VerifiedCache(self.root / "replica", self.indexes)
        opened = IndexVersion(name, cache.fetch(name))
        opened.apply(self.changes)
        return opened

    def found(self, version: str | None = None) -> set[str]:
        """Name everything that searches of a version find."""
        opened = self.opened(version)
        hits = opened.search(np.ones(DIMENSIONS, np.float32), opened.details.rows)
        opened.close()
        return {hit.picture.id for hit in hits}

    def _embed(self) -> None:
        new = {self.row(name).sha256: name for name in self.pictures}
        with_vectors = self.features.known()
        there = with_vectors.digests.contain(as_digests(list(new)))
        with_vectors.close()
        missing = [key for key, known in zip(new, there, strict=True) if not known]
        if missing:
            vectors = np.stack([self.vector(new[key]) for key in missing])
            self.features.write(as_digests(missing), vectors)


class Rows(Wanted):
    """What is wanted, as lists."""

    def __init__(
        self,
        rows: list[PictureRow],
        quarantine: list[Quarantined],
        deleted: frozenset[str],
        folded: frozenset[str],
    ) -> None:
        self._rows, self._quarantine = rows, quarantine
        self.deleted, self.folded = deleted, folded

    def rows(self) -> Iterator[PictureRow]:
        return iter(self._rows)

    def quarantined(self) -> Iterator[Quarantined]:
        return iter(self._quarantine)


def change(gallery: Gallery) -> None:
    """Add two pictures, change one and take one away: six rows of sixty."""
    gallery.fill(2, first=1000)
    gallery.pictures["picture 0007"] = 2000
    del gallery.pictures["picture 0008"]


def a_plan(**changed: object) -> Plan:
    given = {"name": "default", "model": MODEL, "build": BuildSettings(processes=1), **changed}
    return Plan(**given)  # type: ignore[arg-type]


def picture(number: int) -> np.ndarray:
    """Draw a colour: ``uint8[32, 32, 3]``; none is black."""
    colour = np.random.default_rng(number).integers(1, 256, 3, dtype=np.uint8)
    return np.full((32, 32, 3), colour, np.uint8)
