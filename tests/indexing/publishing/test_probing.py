"""The probes of a version: which pictures they are, and what is kept of large ones."""

from typing import Literal

import cv2
import numpy as np
import pytest

from indexing.publishing import probing
from lookalike.changes import Deletion
from lookalike.index import probes
from lookalike.index.probes import read_probes
from lookalike.picture import PictureContract, read_picture
from tests.indexing.publishing.galleries import MODEL, Gallery, a_plan


def test_probes_are_of_pictures_that_are_in_the_index(gallery: Gallery) -> None:
    gallery.publish()
    opened = gallery.opened()
    probes = opened.probes.ids
    opened.close()
    assert len(probes) == 4
    gallery.changes.append(Deletion(probes))
    gallery.publish()
    opened = gallery.opened()
    assert opened.probes.ids
    assert not set(opened.probes.ids) & set(probes)
    opened.close()


def test_of_a_large_file_the_probe_is_what_the_model_sees(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []
    reduce = probing.reduced

    def noted(data: bytes, contract: PictureContract) -> bytes:
        made.append(reduce(data, contract))
        return made[-1]

    monkeypatch.setattr(probing, "reduced", noted)
    gallery.publish(a_plan(anew=True))
    assert made == []
    monkeypatch.setattr(probing, "MAX_BYTES", 1)
    published = gallery.publish(a_plan(anew=True))
    opened = gallery.opened()
    opened.probes.run(gallery.embedder)
    opened.close()
    [path] = (gallery.root / "store").rglob(f"{published.version}/{probes.FILE_NAME}")
    for probe in read_probes(path):
        assert probe.picture in made
        sent = read_picture(probe.picture, MODEL.picture)
        assert np.array_equal(gallery.embedder.embed(sent[None])[0], gallery.vector(probe.id))


@pytest.mark.parametrize("fit", ["pad", "stretch"])
@pytest.mark.parametrize("shape", [(300, 200), (20, 70), (64, 64)])
def test_a_reduced_picture_is_read_as_the_whole_one(
    fit: Literal["pad", "stretch"], shape: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    data = cv2.imencode(".jpg", pixels)[1].tobytes()
    contract = PictureContract(size=64, fit=fit)
    small = probing.reduced(data, contract)
    assert np.array_equal(read_picture(small, contract), read_picture(data, contract))
