"""Whatever a search is asked, it finds what brute force over the same pictures finds.

Two workers hold one version and hear of the same changes, in other pieces; filters, groups,
offsets, least scores, the picture itself left out, alone and in a batch: all at once, at random.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from indexing.build import BuildSettings, build_base
from indexing.factory import Recipe
from lookalike.calibration import Calibration
from lookalike.catalogue import Attribute
from lookalike.changes import Addition, Additions, ChangeLog, Deletion, Record, open_changes
from lookalike.index import (
    IndexDetails,
    IndexVersion,
    ModelReference,
    PictureRow,
    Probe,
    SearchParameters,
    embedding_of,
    probes,
    write_probes,
)
from lookalike.picture import PictureContract
from lookalike.vectors import Vectors, unit
from search_api.asked import Asked
from search_api.parameters import JsonQuery, Parameters
from search_api.query import decode
from search_api.search import find, find_all
from tests.lookalike.index.attribute_files import matches
from tests.lookalike.index.segments import clustered

COUNT, SHARD, IDS, CHANGES, SEARCHES = 300, 120, 380, 40, 120
VECTORS = clustered(1000, dimensions=32, clusters=9)
SCORES = Calibration(a=2.0, b=1.5, c=0.5, ece=0.03, queries=66, pairs=660, same=0.62)
MODEL = ModelReference(
    name="m",
    version=1,
    weights_sha256="0",
    picture=PictureContract(size=32),
    dimensions=32,
    calibration=SCORES,
)
LABELS = (None, "bird", "cat", "é")
VALUES: dict[str, tuple[Attribute, ...]] = {
    "price": (1, 2, 2.0, True, "2", None, -0.0, 0, 10**17, 10**17 + 1),
    "colour": ("red", "green", "", "\uffff", None),
    "sold": (True, False, 1, 0),
}
# The same pair of distances computed in other orders of their sums.
NEARLY = 1e-5


class Gallery:
    """What pictures there are, as plain Python has it, and records of how that came about."""

    def __init__(self, draw: Random, log: ChangeLog) -> None:
        self.draw, self._log = draw, log
        self.pictures = {self._id(n): self._row(self._id(n), n) for n in range(COUNT)}
        self.vectors = {self._id(n): VECTORS[n] for n in range(COUNT)}

    def change(self) -> Record:
        """Delete a few pictures, or add some: new ones, known ones, and some that were deleted."""
        ids = [self._id(self.draw.randrange(IDS)) for _ in range(self.draw.randint(1, 4))]
        if self.draw.random() < 0.4:
            for name in ids:
                self.pictures.pop(name, None)
            return self._log.append(Deletion(ids))
        return self._log.append(Additions([self._added(name) for name in dict.fromkeys(ids)]))

    def _added(self, name: str) -> Addition:
        number = self.draw.randrange(len(VECTORS))
        row = self.pictures[name] = self._row(name, number)
        self.vectors[name] = VECTORS[number]
        embedding = embedding_of(VECTORS[number], MODEL)
        return Addition(name, row.sha256.hex(), row.label, row.attributes, embedding)

    def _row(self, name: str, number: int) -> PictureRow:
        attributes = {
            attribute: self.draw.choice(values)
            for attribute, values in VALUES.items()
            if self.draw.random() < 0.7
        }
        digest = hashlib.sha256(b"%d" % number).digest()  # equal vectors are of equal files
        return PictureRow(name, f"file:///{name}", self.draw.choice(LABELS), digest, attributes)

    @staticmethod
    def _id(number: int) -> str:
        return f"{number:04d}"

    def expected(self, asked: Asked, wanted: Parameters, json: Any) -> list[tuple[float, str]]:
        """Give distance and id of each picture that is to be found, by looking at all."""
        found = [
            (distance, row)
            for distance, row in self._by_distance(asked.vector)
            if json is None or matches(json, (row.label, row.attributes), frozenset())
        ]
        if wanted.min_score is not None:
            scores = SCORES.scores([distance for distance, _ in found])
            likely = zip(found, scores, strict=True)
            found = [one for one, score in likely if score >= wanted.min_score]
        if wanted.exclude_self:
            found = [one for one in found if not asked.is_of(one[1])]
        if wanted.group_by is not None:
            found = _best_of_each(found, wanted.group_by)
        told = [(distance, row.id) for distance, row in found]
        return told[wanted.offset : wanted.offset + wanted.k]

    def _by_distance(self, query: Vectors) -> list[tuple[float, PictureRow]]:
        names = list(self.pictures)
        gaps = np.stack([self.vectors[name] for name in names]) - unit(query[np.newaxis])
        distances = np.linalg.norm(gaps.astype(np.float64), axis=1)
        order = np.argsort(distances, kind="stable")
        return [(float(distances[n]), self.pictures[names[n]]) for n in order]


def _best_of_each(
    found: Sequence[tuple[float, PictureRow]], attribute: str
) -> list[tuple[float, PictureRow]]:
    best: dict[object, tuple[float, PictureRow]] = {}
    for distance, row in found:
        best.setdefault(_group(row, attribute), (distance, row))
    return list(best.values())


def _group(row: PictureRow, attribute: str) -> object:
    """Give a value as JSON means it: 2 and 2.0 are one, and 1 and true are not."""
    value = row.label if attribute == "label" else row.attributes.get(attribute)
    return isinstance(value, bool), value


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Gallery, ChangeLog]:
    root = tmp_path_factory.mktemp("brute")
    log = open_changes(str(root / "store"), "default")
    gallery = Gallery(Random(1), log)  # noqa: S311  no secrets
    folder = root / "version"
    folder.mkdir()
    settings = BuildSettings(
        recipe=Recipe("Flat", SearchParameters()), shard_limit=SHARD, processes=1
    )
    made = build_base(iter(gallery.pictures.values()), VECTORS[:COUNT], settings, folder)
    picture = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    write_probes(folder / probes.FILE_NAME, [Probe("", picture, [1.0])])
    details = IndexDetails(
        name="default",
        model=MODEL,
        metric="cosine",
        factory=made.factory,
        search=SearchParameters(),
        trained=made.trained,
        shards=made.shards,
        pictures=COUNT,
        quarantined=0,
    )
    (root / "details").write_bytes(msgspec.json.encode(details))
    return root, gallery, log


@pytest.fixture
def workers(built: tuple[Path, Gallery, ChangeLog]) -> Iterator[list[IndexVersion]]:
    root = built[0]
    details = msgspec.json.decode((root / "details").read_bytes(), type=IndexDetails)
    opened = [IndexVersion("version", root / "version", details) for _ in range(2)]
    yield opened
    for version in opened:
        version.close()


def searches(gallery: Gallery, count: int) -> Iterator[tuple[Asked, JsonQuery, Any]]:
    """Draw searches: by a picture of the index, by one that is not there, or by a vector."""
    draw, names = gallery.draw, sorted(gallery.pictures)
    for _ in range(count):
        json = _condition(draw) if draw.random() < 0.5 else None
        given = {
            "id": "x",
            "k": draw.choice([1, 3, 10, 1000]),
            "offset": draw.choice([0, 0, 1, 7, 1000]),
            "filter": json,
            "group_by": draw.choice([None, None, None, "label", *VALUES, "nobody has it"]),
            "exclude_self": draw.random() < 0.3,
            "min_score": draw.choice([None, None, 0, 0.5, 0.9, 1]),
        }
        query: JsonQuery = decode(msgspec.json.encode(given), JsonQuery)
        name = draw.choice(names)
        # Not at the very distance of a picture, whose score would be at the edge of rounding.
        asked = Asked(vector=VECTORS[draw.randrange(len(VECTORS))], decoded=0, embedded=0)
        if draw.random() < 0.5:
            vector, sha256 = gallery.vectors[name], gallery.pictures[name].sha256
            asked = Asked(vector=vector, id=name, sha256=sha256, decoded=0, embedded=0)
        yield asked, query, json


def _condition(draw: Random, depth: int = 0) -> dict[str, Any]:
    if depth < 3 and draw.random() < 0.4:
        way = draw.choice(["and", "or", "not"])
        parts = [_condition(draw, depth + 1) for _ in range(1 if way == "not" else 2)]
        return {way: parts[0] if way == "not" else parts}
    name = draw.choice(["label", *VALUES])
    values = list(LABELS) if name == "label" else list(VALUES[name])
    if draw.random() < 0.5:
        return {"attribute": name, "in": [draw.choice(values) for _ in range(3)]}
    ordered = [one for one in values if one is not None and not isinstance(one, bool)]
    ordered.append(1.5)
    return {"attribute": name, draw.choice(["lt", "lte", "gt", "gte"]): draw.choice(ordered)}


def assert_same(found: Any, expected: Sequence[tuple[float, str]], gallery: Gallery) -> None:
    """Hold hits against what was expected; of pictures equally far away any may come first."""
    hits = [(hit.distance, hit.picture.id) for hit in found]
    assert len(hits) == len(expected)
    assert np.allclose([gap for gap, _ in hits], [gap for gap, _ in expected], atol=NEARLY)
    assert len({name for _, name in hits}) == len(hits)
    for hit in found:
        assert hit.picture.label == gallery.pictures[hit.picture.id].label
        assert hit.picture.sha256 == gallery.pictures[hit.picture.id].sha256
        assert hit.picture.attributes == gallery.pictures[hit.picture.id].attributes


@pytest.mark.parametrize("round_number", range(4))
def test_searches_find_what_brute_force_does(
    built: tuple[Path, Gallery, ChangeLog], workers: list[IndexVersion], round_number: int
) -> None:
    _, gallery, log = built
    early, late = workers
    gallery.draw.seed(round_number)
    for number in range(CHANGES):
        gallery.change()
        if number % 7 == round_number:
            early.apply(log)
    for version in (early, late):
        version.apply(log)
    drawn = list(searches(gallery, SEARCHES))
    expected = [gallery.expected(asked, query, json) for asked, query, json in drawn]
    together = find_all(early, [(asked, query) for asked, query, _ in drawn])
    for (asked, query, _), hits, wanted in zip(drawn, together, expected, strict=True):
        assert_same(hits, wanted, gallery)
        assert_same(find(late, asked, query), wanted, gallery)
