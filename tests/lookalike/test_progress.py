import pytest

from lookalike import progress
from lookalike.progress import Meter, track


def test_items_pass_through_in_order() -> None:
    assert list(track(range(5), "counting")) == [0, 1, 2, 3, 4]


def test_short_work_says_nothing_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    list(track(range(5), "counting"))
    assert capsys.readouterr().err == ""


def test_long_work_writes_plain_lines_in_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    meter = Meter("embedding", 4)
    meter.add(3)
    meter.add(1)
    meter.close()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in lines] == ["embedding: 3/4", "embedding: 4/4"]
