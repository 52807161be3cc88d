"""From a trained model to all figures of its report: the one place that knows their parts."""

from itertools import islice
from pathlib import Path

import msgspec
import numpy as np

from lookalike.errors import ConfigurationError
from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.model_card import Comparison, read_model_card
from training.calibration import FEWEST_QUERIES, calibrate, reliability, unseen_scores
from training.evaluation import Report
from training.held_out import FILE_NAME as HITS_FILE
from training.held_out import read_held_out_hits
from training.judging import Trained, ranked_sides
from training.output import HISTORY_FILE, model_file
from training.report.cost import batch_size, measured
from training.report.data import described, picture_of
from training.report.figures import Evaluation, ScoreCalibration, Series
from training.report.found import Ranked, confusions, hardest
from training.report.map import points
from training.split import class_numbers


def evaluation(
    folder: Path, trained: Trained, report: Report, against: Comparison | None = None
) -> Evaluation:
    """Measure all that the report tells, after :func:`training.judging.judge`.

    Args:
        folder: that the model was read from.
        trained: what was read.
        report: what judge gave.
        against: what was found beside another model.

    Raises:
        ConfigurationError: a file of the folder holds something else than training wrote.
        DataError: a picture can no longer be read.
    """
    card = read_model_card(folder / CARD_FILE)
    ranked = _ranked(trained)
    found = ranked.hits()
    _, queries = ranked_sides(trained.split)
    batch = islice(queries.placed(), batch_size())
    pixels = np.stack(list(trained.extractor.reader.pixels(batch, card.picture)))
    return Evaluation(
        **{name: getattr(report, name) for name in Report.__struct_fields__},
        model=card,
        history=read_history(folder / HISTORY_FILE),
        confusions=confusions(ranked, found),
        hardest=hardest(ranked, found),
        map=points(ranked, found),
        calibration=score_calibration(folder / HITS_FILE),
        data=described(trained.split, trained.pretrained, card.picture.size),
        cost=measured(model_file(folder), pixels),
        against=against,
    )


def read_history(path: Path) -> dict[str, Series]:
    """Read a number an epoch by name; nothing where training kept none.

    Raises:
        ConfigurationError: the file holds something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Series])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path} does not hold a training history: {error}") from error


def score_calibration(path: Path) -> ScoreCalibration:
    """Hold the scores that an export would give against the hits that training kept.

    Raises:
        ConfigurationError: the file holds something else.
    """
    kept = read_held_out_hits(path)
    if kept is None:
        return ScoreCalibration(reason="the model was trained before its hits were kept")
    distances, same = np.array(kept.distances), np.array(kept.same, bool)
    if len(same) < FEWEST_QUERIES:
        # Before calibrate, since of no hits there is not even a table.
        needed = f"{FEWEST_QUERIES} held-out pictures are needed, and {len(same)} are there"
        return ScoreCalibration(reason=needed)
    made = calibrate(distances, same)
    if isinstance(made, str):
        return ScoreCalibration(reason=made)
    bins = reliability(unseen_scores(distances, same), same)
    return ScoreCalibration(bins=bins, ece=made.ece, hits=same.size)


def _ranked(trained: Trained) -> Ranked:
    gallery, queries = (side.examples for side in ranked_sides(trained.split))
    both = [*queries, *gallery]
    return Ranked(
        before=trained.before(both),
        after=trained.after(both),
        labels=class_numbers(both, trained.split.categories),
        pictures=[picture_of(one, row < len(queries)) for row, one in enumerate(both)],
        queries=len(queries),
    )
