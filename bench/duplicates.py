"""How far copies of a picture lie from it, and other pictures: where duplicates end.

Copies are what pictures become on their way: compressed again, scaled down, cropped,
brightened. The model is VGG16, fine-tuned for a moment on the sample stamps; each stamp is
laid on white, as its copies are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.command import Plan, command
from bench.facts import Fact
from demo.samples import stamps
from export.saved_model import cut
from lookalike.catalogue import Folder
from lookalike.picture import PictureContract, read_picture, read_thumbnail
from lookalike.picture.contract import Pixels
from lookalike.progress import track
from lookalike.settings import Settings
from lookalike.vectors import Vectors, unit
from search_api.parameters import NEAR_DUPLICATE
from training.features import FeatureExtractor
from training.head import train_head
from training.labelled import Labelled
from training.model import build_base, build_model
from training.request import HeadSettings
from training.split import class_numbers, stratified
from training.weights import imagenet_weights

SIZE, QUICK_SIZE = 224, 64
SIDE = 400  # of the pictures that copies are made of
QUICK_PICTURES = 8
HELD_OUT = 0.5
BATCH = 16

Copy = Callable[[Pixels], bytes]


def _jpeg(pixels: Any, quality: int) -> bytes:
    return _encoded(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])


def _encoded(suffix: str, pixels: Any, how: list[int] | None = None) -> bytes:
    _, data = cv2.imencode(suffix, np.clip(pixels, 0, 255).astype(np.uint8), how or [])
    return bytes(data)


def _smaller(pixels: Pixels, factor: float) -> bytes:
    return _jpeg(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), 90)


def _cropped(pixels: Pixels, share: float) -> bytes:
    top, left = (int(side * share / 2) for side in pixels.shape[:2])
    rows, columns = pixels.shape[0] - top, pixels.shape[1] - left
    return _jpeg(pixels[top:rows, left:columns], 90)


COPIES: dict[str, Copy] = {
    "jpeg90": lambda pixels: _jpeg(pixels, 90),
    "jpeg50": lambda pixels: _jpeg(pixels, 50),
    "half": lambda pixels: _smaller(pixels, 0.5),
    "quarter": lambda pixels: _smaller(pixels, 0.25),
    "cropped5": lambda pixels: _cropped(pixels, 0.05),
    "cropped10": lambda pixels: _cropped(pixels, 0.1),
    "brighter10": lambda pixels: _jpeg(pixels * 1.1, 90),
}


def _embedder(contract: PictureContract, folder: Path, quick: bool) -> tuple[Any, list[Path]]:
    """Fine-tune VGG16 on half of the pictures; give it, cut at dense_1, and the other half."""
    settings = Settings.from_environment()
    cache = Path(settings.cache)
    base = build_base(contract.size, imagenet_weights(cache).layers)
    extractor = FeatureExtractor(base, contract, cache, 2, settings.max_decoded_bytes)
    examples, _ = extractor.examine(list(Folder(folder)))
    halves = stratified(examples, HELD_OUT, 0)
    categories = sorted({example.label for example in examples})
    known, held_out = (
        Labelled(extractor.vectors(half), class_numbers(half, categories)) for half in halves
    )
    head_settings = HeadSettings(epochs=2) if quick else HeadSettings()
    head = train_head(known, held_out, len(categories), head_settings).model
    return cut(build_model(base, head)), [folder / example.path for example in halves[1]]


@contextmanager
def duplicates(quick: bool) -> Iterator[Plan]:
    """Embed pictures that the model was not trained on, and their copies."""
    folder = stamps(Path(Settings.from_environment().cache))
    contract = PictureContract(size=QUICK_SIZE if quick else SIZE)
    embedder, files = _embedder(contract, folder, quick)
    shown = files[:: len(files) // QUICK_PICTURES if quick else 1]
    pixels = [read_thumbnail(path.read_bytes(), SIDE)[..., ::-1] for path in shown]
    originals = _vectors(embedder, [_encoded(".png", one) for one in pixels], contract)
    facts: list[Fact] = []
    for name, copy in COPIES.items():
        copies = _vectors(embedder, [copy(one) for one in pixels], contract)
        facts += _facts(name, np.linalg.norm(originals - copies, axis=1))
    gaps = np.linalg.norm(originals[:, None] - originals[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    facts += _facts("nearest_other", gaps.min(axis=1))
    yield Plan(item="pictures", rounds=0, candidates=[], facts=facts)


def _vectors(embed: Any, files: list[bytes], contract: PictureContract) -> Vectors:
    batches = [files[first : first + BATCH] for first in range(0, len(files), BATCH)]
    made = []
    for batch in track(batches, "embedding"):
        pixels = [read_picture(data, contract) for data in batch]
        made.append(np.asarray(embed.predict_on_batch(np.stack(pixels).astype(np.float32))))
    return unit(np.concatenate(made))


def _facts(name: str, distances: Any) -> Iterator[Fact]:
    for percent in (5, 50, 95):
        value = float(np.percentile(distances, percent))
        yield Fact(name=f"{name}.p{percent}", value=value, unit="distance")
    within = 100 * float((distances <= NEAR_DUPLICATE).mean())
    yield Fact(name=f"{name}.within", value=within, unit=f"% at most {NEAR_DUPLICATE} away")


main = command("duplicates", duplicates)

if __name__ == "__main__":
    main()
