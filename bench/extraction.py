"""Pictures a second of extraction, against the model server alone and against bare decoding.

``vgg16``: the production graph behind a model server. Extraction is compared with the same
server on batches that lie ready, sent with the same depth; the usual loader
(``keras.utils.image_dataset_from_directory``) and a loop of one picture at a time feed the
same model in process.

``small`` (500×375) and ``large`` (1600×1200): a stand-in for the model that computes
nothing, in process, since the look-alike of a model server is written in Python and shares
the cores. So reading is the limit, and extraction is compared with as many processes that
do nothing but ``cv2.imdecode`` and ``cv2.resize`` on bytes in memory: ``decode_full`` as
that is usually written, at full scale; ``decode`` at the reduced scale that the picture
contract chooses. On a machine with as many cores as reading processes, the job's own
process, which looks up, sends and writes, takes its share of those cores.

Reading processes import the module that is run, so that what is heavy is imported within
functions here.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from bench.command import Plan, command
from bench.decoding import Decoders
from bench.extraction_memory import Corner, model
from bench.facts import Fact
from bench.gated import WARM, Gated
from bench.harness import Candidate
from bench.photographs import write_photographs
from indexing.extraction.settings import ExtractionSettings
from lookalike.catalogue import Folder
from lookalike.picture import PictureContract, read_picture
from lookalike.picture.contract import Pixels
from lookalike.vectors import Vectors

SIDE = 224
BATCH = 32
PHOTOGRAPHS = {"small": (500, 375), "large": (1600, 1200)}

Embed = Callable[[Pixels], Vectors]


@contextmanager
def extraction(quick: bool) -> Iterator[Plan]:
    """Write the pictures and the model, start the server and the processes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        settings = ExtractionSettings(batch=BATCH)
        candidates = [
            candidate
            for name in PHOTOGRAPHS
            for candidate in _reading(name, folder, settings, stack, quick)
        ]
        candidates += _embedding(folder, settings, stack, quick)
        yield Plan(
            item="pictures",
            rounds=2 if quick else 5,
            candidates=candidates,
            facts=_memory(folder, quick),
        )


def _reading(
    name: str, folder: Path, settings: ExtractionSettings, stack: ExitStack, quick: bool
) -> list[Candidate]:
    """Candidates that reading limits."""
    count = WARM + {"small": 4000, "large": 800}[name] // (20 if quick else 1)
    paths = write_photographs(folder / name, *PHOTOGRAPHS[name], count)
    contract = PictureContract(size=SIDE)
    gated = Gated(
        list(Folder(folder / name)), model(SIDE), Corner(), settings, folder / f"{name}-store"
    )
    decoders = [
        stack.enter_context(Decoders(paths, contract, settings.processes, reduced=reduced))
        for reduced in (True, False)
    ]
    few = paths[: max(BATCH, gated.items // 8)]
    extracted, decoded = f"{name}.extraction", f"{name}.decode"
    return [
        Candidate(name=decoded, items=gated.items, run=partial(decoders[0].run, gated.items)),
        Candidate(
            name=extracted,
            items=gated.items,
            prepare=gated.prepare,
            run=gated.run,
            baseline=decoded,
        ),
        Candidate(
            name=f"{name}.decode_full",
            items=gated.items,
            run=partial(decoders[1].run, gated.items),
            baseline=extracted,
        ),
        Candidate(
            name=f"{name}.keras_loader",
            items=len(few),
            run=partial(_keras_loader, folder / name, len(few), SIDE, Corner().embed),
            baseline=extracted,
        ),
        Candidate(
            name=f"{name}.one_by_one",
            items=len(few),
            run=partial(_one_by_one, few, SIDE, Corner().embed),
            baseline=extracted,
        ),
    ]


def _embedding(
    folder: Path, settings: ExtractionSettings, stack: ExitStack, quick: bool
) -> list[Candidate]:
    """Candidates that VGG16 limits."""
    from bench.extraction_server import served  # imports TensorFlow

    side, count = (32, BATCH * 2) if quick else (96, BATCH * 8)
    paths = write_photographs(folder / "vgg16", *PHOTOGRAPHS["small"], WARM + count)
    serving = stack.enter_context(served(side, folder))
    gated = Gated(
        list(Folder(folder / "vgg16")), serving.model, serving.client, settings, folder / "store"
    )
    contract = PictureContract(size=side)
    pixels = np.stack([read_picture(path.read_bytes(), contract) for path in paths[WARM:]])
    few = paths[WARM:][: count // 2]
    alone, extracted = "vgg16.server", "vgg16.extraction"
    return [
        Candidate(
            name=alone,
            items=count,
            run=partial(serving.embed_ready, np.split(pixels, count // BATCH), settings.in_flight),
        ),
        Candidate(
            name=extracted,
            items=count,
            prepare=gated.prepare,
            run=gated.run,
            baseline=alone,
        ),
        Candidate(
            name="vgg16.keras_loader",
            items=len(few),
            run=partial(_keras_loader, folder / "vgg16", len(few), side, serving.in_process),
            baseline=extracted,
        ),
        Candidate(
            name="vgg16.one_by_one",
            items=len(few),
            run=partial(_one_by_one, few, side, serving.in_process),
            baseline=extracted,
        ),
    ]


def _keras_loader(folder: Path, count: int, side: int, embed: Embed) -> None:
    from bench.extraction_server import loaded  # imports TensorFlow

    for batch in loaded(folder, side, BATCH, count // BATCH):
        embed(batch)


def _one_by_one(paths: Sequence[Path], side: int, embed: Embed) -> None:
    for path in paths:
        decoded = cv2.imread(str(path))
        assert decoded is not None
        pixels = cv2.resize(decoded, (side, side), interpolation=cv2.INTER_AREA)
        embed(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)[np.newaxis].astype(np.uint8, copy=False))


def _memory(folder: Path, quick: bool) -> list[Fact]:
    """Compare the peaks of a short and a long extraction."""
    few, many = (500, 2000) if quick else (2000, 20_000)
    write_photographs(folder / "memory", 160, 120, many)
    peaks = {count: _peak(folder / "memory", count) for count in (few, many)}
    facts = [
        Fact(name=f"peak memory of {count} pictures", value=peak / 1e6, unit="MB")
        for count, peak in peaks.items()
    ]
    ratio = peaks[many] / peaks[few]
    return [*facts, Fact(name="memory.ratio", value=ratio, unit=f"{many} pictures by {few}")]


def _peak(pictures: Path, count: int) -> int:
    program = [sys.executable, "-m", "bench.extraction_memory", str(pictures), str(count)]
    return int(subprocess.run(program, check=True, capture_output=True, text=True).stdout)


main = command("extraction", extraction)

if __name__ == "__main__":
    main()
