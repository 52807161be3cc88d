from pathlib import Path

from lookalike.reference import SETTINGS_FILE, settings_page

ROOT = Path(__file__).parents[2]


def test_the_settings_page_is_the_one_that_the_code_gives() -> None:
    assert (ROOT / SETTINGS_FILE).read_text() == settings_page(), (
        "run python -m lookalike.reference"
    )
