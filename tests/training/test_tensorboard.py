import errno
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.disks import fill, small_disk
from training.framework import keras, tensorflow
from training.loop import Done
from training.model import build_head
from training.tensorboard import EventFiles

FIGURES = {"loss": 1.5, "accuracy": 0.25, "val_loss": 2.5, "val_accuracy": 0.5}


@pytest.fixture(scope="module")
def head() -> Any:
    keras.utils.set_random_seed(0)
    head = build_head(3)
    head.compile(keras.optimizers.RMSprop(1e-2), "categorical_crossentropy")
    return head


def events(folder: Path) -> list[tuple[str, int, str, Any]]:
    """Read tag, step, plugin and content of all that is in a folder's event files."""
    return [
        (
            value.tag,
            event.step,
            value.metadata.plugin_data.plugin_name,
            tensorflow.make_ndarray(value.tensor),
        )
        for path in sorted(folder.glob("events.out.tfevents.*"))
        for event in tensorflow.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]


def write(folder: Path, head: Any, *epochs: int) -> None:
    files = EventFiles(folder, {"seed": 0, "pictures": "a|b"})
    for epoch in epochs:
        files.watch(Done(head, epoch, {name: v + epoch for name, v in FIGURES.items()}))
    files.close()


def test_figures_are_written_where_keras_would_write_them(head: Any, tmp_path: Path) -> None:
    write(tmp_path, head, 1, 2)
    scalars = {
        (side, tag, step): float(content)
        for side in ("train", "validation")
        for tag, step, plugin, content in events(tmp_path / side)
        if plugin == "scalars"
    }
    assert scalars == pytest.approx(
        {
            (side, f"epoch_{name}", step): FIGURES[prefix + name] + step
            for side, prefix in (("train", ""), ("validation", "val_"))
            for name in ("loss", "accuracy")
            for step in (1, 2)
        }
        | {("train", "epoch_learning_rate", step): 1e-2 for step in (1, 2)}
    )


def test_the_histogram_counts_each_weight_of_dense_1(head: Any, tmp_path: Path) -> None:
    write(tmp_path, head, 1)
    [bins] = [c for _, _, plugin, c in events(tmp_path / "train") if plugin == "histograms"]
    kernel, _ = head.get_layer("dense_1").get_weights()
    assert bins[:, 2].sum() == kernel.size
    np.testing.assert_allclose((bins[0, 0], bins[-1, 1]), (kernel.min(), kernel.max()))


def test_flags_are_a_table(head: Any, tmp_path: Path) -> None:
    write(tmp_path, head, 1)
    [table] = [c for _, _, plugin, c in events(tmp_path / "train") if plugin == "text"]
    assert table.item().decode().splitlines()[2:] == ["| seed | 0 |", "| pictures | a&#124;b |"]


def test_a_run_that_goes_on_writes_no_step_twice(head: Any, tmp_path: Path) -> None:
    """The first was killed in its third epoch, which the second makes once more."""
    write(tmp_path, head, 1, 2, 3)
    [cut] = (tmp_path / "train").iterdir()
    cut.write_bytes(cut.read_bytes()[:-5])  # the last record
    before = [path.stat().st_size for path in tmp_path.glob("*/*")]
    assert len(before) == 2
    write(tmp_path, head, 2, 3, 4)
    cut.unlink()
    again = Counter((tag, step) for tag, step, *_ in events(tmp_path / "train"))
    assert again["dense_1/kernel", 3] == 1  # it was the record that was cut off
    assert again["epoch_loss", 3] == again["epoch_loss", 2] == 0
    assert again["epoch_loss", 4] == again["dense_1/kernel", 4] == 1
    whole = Counter((tag, step) for tag, step, *_ in events(tmp_path / "validation"))
    assert set(whole.values()) == {1}
    assert {step for _, step in whole} == {1, 2, 3, 4}


def test_a_run_that_begins_anew_begins_the_files_anew(head: Any, tmp_path: Path) -> None:
    write(tmp_path, head, 1, 2, 3)
    write(tmp_path, head, 1)
    assert {step for _, step, *_ in events(tmp_path / "validation")} == {1}


def test_a_full_disk_is_an_error_of_the_system_and_not_tensorflows(
    head: Any, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        fill(disk)
        with pytest.raises(OSError, match="No space left") as told:
            write(disk / "runs", head, 1)
    assert told.value.errno == errno.ENOSPC


def test_a_folder_that_may_not_be_written_to_is_named(head: Any, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(OSError, match=r"Read-only file system: '.*/disk/runs'"):
            write(disk / "runs", head, 1)
