from indexing.extraction.progress import Stages


def test_it_is_told_how_busy_each_stage_is() -> None:
    now = 0.0
    stages = Stages(2, lambda: 30.0, lambda: now)
    now = 100.0
    stages.reading_seconds, stages.writing_seconds = 180.0, 5.0
    assert str(stages) == "busy: reading 90%, embedding 30%, writing 5%"


def test_at_once_nothing_is_busy() -> None:
    assert str(Stages(1, lambda: 0.0, lambda: 0.0)) == (
        "busy: reading 0%, embedding 0%, writing 0%"
    )
