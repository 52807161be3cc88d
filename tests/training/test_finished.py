from typing import Any

import msgspec
import pytest

from lookalike.settings import Settings
from training.finished import request_sha256
from training.request import HeadSettings, TrainingRequest, TuningSettings


def changed(request: TrainingRequest, **changes: Any) -> bool:
    asked = (request, msgspec.structs.replace(request, **changes))
    return len({request_sha256(one, Settings()) for one in asked}) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"head": HeadSettings(epochs=31)},
        {"views": 3},
        {"file_format": "h5"},
        {"tuning": TuningSettings(unfreeze_from="block5_conv1")},
    ],
)
def test_a_flag_that_the_model_depends_on_makes_another_run(
    request_: TrainingRequest, changes: dict[str, Any]
) -> None:
    assert changed(request_, **changes)


def test_flags_of_the_second_stage_tell_runs_apart_where_there_is_one(
    request_: TrainingRequest,
) -> None:
    assert not changed(request_, tuning=TuningSettings(tuning_epochs=3))
    tuned = msgspec.structs.replace(request_, tuning=TuningSettings(unfreeze_from="block5_conv1"))
    longer = TuningSettings(unfreeze_from="block5_conv1", tuning_epochs=3)
    assert changed(tuned, tuning=longer)


def test_pictures_may_be_larger_than_the_last_time(request_: TrainingRequest) -> None:
    larger = Settings(max_decoded_bytes=2 * Settings().max_decoded_bytes)
    assert request_sha256(request_, larger) != request_sha256(request_, Settings())


def test_where_it_is_written_and_how_many_threads_read_makes_no_other_run(
    request_: TrainingRequest,
) -> None:
    assert not changed(request_, output=request_.output / "elsewhere", workers=9, strict=True)
