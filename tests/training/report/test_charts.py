import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.report.charts import HEIGHT, LARGEST_MATRIX, WIDTH, curves, matrix, ticks
from training.report.figures import Confusion


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_hold_what_is_shown_and_are_few(low: float, span: float) -> None:
    made = ticks(low, low + span)
    slack = 1e-6 * max(1.0, abs(low), span)
    assert made[0] <= low + slack
    assert made[-1] >= low + span - slack
    assert 2 <= len(made) <= 8
    assert made == sorted(made)


def test_ticks_of_one_value_have_a_range() -> None:
    assert ticks(1, 1)[0] < ticks(1, 1)[-1]


def test_a_curve_of_each_name_with_its_held_out_twin() -> None:
    history = {
        "loss": [2.0, 1.0, 0.5],
        "val_loss": [2.0, 0.75, 1.0],
        "val_map": [0.1, None, 0.3],
        "nothing": [None],
    }
    made = {chart.title: chart for chart in curves(history)}
    assert set(made) == {"loss of the softmax", "mAP of dense_1's training"}
    loss, found = made.values()
    assert [line.name for line in loss.lines] == ["training", "held out"]
    middle = next(line for line in loss.lines).path.split("L")[1].split()[0]
    assert loss.best == float(middle)
    assert [line.name for line in found.lines] == ["held out"]
    # A gap breaks the line in two dots.
    assert found.lines[0].path.count("M") == 2
    for chart in made.values():
        assert all(0 <= tick.place <= WIDTH for tick in chart.across)
        assert all(0 <= tick.place <= HEIGHT for tick in chart.up)
    assert "at last training 0.500, held out 1.000" in loss.summary


def test_each_stage_shows_the_epoch_that_it_kept() -> None:
    history = {
        "contrastive_loss": [3.0, 2.0, 1.0],
        "val_map": [0.2, 0.3, 0.1],
        "loss": [3.0, 2.0, 1.0],
        "val_loss": [1.0, 1.5, 2.0],
        "tuning_loss": [2.0, 1.0, 0.5],
        "val_tuning_map": [0.1, 0.2, 0.3],
    }
    best = {chart.title: chart.best for chart in curves(history)}
    assert best["tuning loss"] == best["mAP of tuning"]
    assert best["contrastive loss"] == best["mAP of dense_1's training"]
    kept = {best[f"{stage} loss"] for stage in ("contrastive", "tuning")}
    assert len(kept | {best["loss of the softmax"]}) == 3


def test_one_epoch_is_a_dot() -> None:
    [chart] = curves({"loss": [1.0]})
    assert chart.lines[0].path.count("L") == 1


@pytest.mark.parametrize("count", [3, LARGEST_MATRIX + 5])
def test_a_matrix_shows_those_that_are_most_confused(count: int) -> None:
    names = [f"c{number:02}" for number in range(count)]
    worst = Confusion(category=names[-1], found=names[-2], hits=9, of=10)
    made = matrix([worst], names)
    assert len(made.categories) == min(count, LARGEST_MATRIX)
    [cell] = made.cells
    assert made.categories[cell.row] == names[-1]
    assert made.categories[cell.column] == names[-2]
    assert "90%" in cell.text
