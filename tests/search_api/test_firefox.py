"""The search page in Firefox: what people do with it there too, and that nothing complains."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firefox import Window, firefox
from tests.search_api.conftest import Stack
from tests.search_api.shown import FIRST, expected

pytestmark = [
    pytest.mark.long,
    # Marionette leaves a socket open until it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HITS = "[...document.querySelectorAll('#results a')].map((one) => one.title)"
SIDES = "['left', 'top', 'right', 'bottom'].map((one) => +window[`side-${one}`].value)"


@pytest.fixture(scope="module")
def window(real_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    with firefox(real_cache, tmp_path_factory.mktemp("firefox")) as found:
        yield found


@pytest.fixture
def by_id(window: Window, shop: Stack) -> Window:
    window.open(f"{shop.url}/?id={FIRST}")
    shows(window, expected(shop))
    window.until(lambda: window.told("document.querySelector('#filters fieldset')"), "the filters")
    return window


def shows(window: Window, hits: list[str]) -> None:
    window.until(lambda: window.told(HITS) == hits, f"what was found: {hits[:2]} …")


def test_a_file_is_searched_for_then_a_result_and_one_can_go_back(
    window: Window, shop: Stack
) -> None:
    window.open(f"{shop.url}/")
    window.choose("#file", shop.pictures / "label-2" / "4.jpg")
    first = expected(shop, id="label-2/4.jpg")
    shows(window, first)
    window.click("#results li:nth-child(2) a")
    shows(window, expected(shop, id=first[1]))
    window.back()
    shows(window, first)
    assert window.problems == []


def test_a_filter_holds_over_a_reload_and_can_be_cleared(by_id: Window, shop: Stack) -> None:
    by_id.press_button("red")
    red = expected(shop, filter={"attribute": "colour", "in": ["red"]})
    shows(by_id, red)
    by_id.reload()
    shows(by_id, red)
    by_id.press_button("red")
    shows(by_id, expected(shop))
    assert by_id.problems == []


def test_a_box_that_is_dragged_is_a_search_by_a_part(by_id: Window, shop: Stack) -> None:
    by_id.until(lambda: by_id.told("document.getElementById('preview').complete"), "the picture")
    by_id.drag("#picture", (0.5, 0.25), (0.99, 0.75))
    by_id.until(lambda: "box=" in by_id.told("decodeURIComponent(location.search)"), "the search")
    assert by_id.told(SIDES) == pytest.approx([0.5, 0.25, 1, 0.75], abs=0.03)
    by_id.press_button("The whole picture")
    shows(by_id, expected(shop))
    assert by_id.problems == []


@pytest.mark.parametrize("size", [(360, 740), (1280, 900)])
def test_it_suits_everyone(by_id: Window, size: tuple[int, int]) -> None:
    by_id.resize(*size)
    assert by_id.violations() == []
    assert by_id.told("document.documentElement.scrollWidth <= innerWidth")
    assert by_id.problems == []
