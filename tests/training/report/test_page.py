"""The report's page, in a browser without a network."""

import re

import pytest

from tests.browser import DESK, PHONE, Watched
from tests.training.report.conftest import BROKEN, HOSTILE, Made

SECTIONS = ("learning", "categories", "confusions", "hardest", "map", "scores", "data", "cost")
MOST_BYTES = 10_000_000


@pytest.fixture
def shown(page: Watched, made: Made) -> Watched:
    page.page.context.set_offline(True)
    page.page.goto(made.html.as_uri())
    return page


def test_it_asks_for_nothing_and_complains_of_nothing(shown: Watched, made: Made) -> None:
    shown.page.wait_for_load_state("networkidle")
    assert shown.requested == [made.html.as_uri()]
    assert shown.problems == []


def test_every_section_shows_its_figures(shown: Watched) -> None:
    ids = [one.get_attribute("id") for one in shown.page.locator("section").all()]
    assert ids == list(SECTIONS)
    for name in SECTIONS:
        section = shown.page.locator(f"#{name}")
        assert section.locator("h2").inner_text()
        drawn = section.locator("svg, img, dd")
        assert drawn.count() > 0, name
        for svg in section.locator("svg[role=img]").all():
            assert svg.get_attribute("aria-label")
            assert svg.locator("path, rect, circle, image, use").count() > 0
            box = svg.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) > 50


def test_every_picture_is_drawn(shown: Watched, made: Made) -> None:
    pictures = shown.page.evaluate(
        "Promise.all([...document.images].map((one) => one.decode().then(() => one.naturalWidth)))"
    )
    assert len(pictures) >= 2 * 10
    assert min(pictures) > 0
    mapped = shown.page.locator("#map image")
    assert mapped.count() == len(made.evaluation.map) > 50
    assert shown.page.locator("#map use").count() == mapped.count()


def test_names_are_text_and_paths_are_not_told(shown: Watched, made: Made) -> None:
    assert shown.page.locator("script, [onerror], main b").count() == 0
    rows = shown.page.locator("#categories tbody th").all_inner_texts()
    assert HOSTILE in rows
    assert BROKEN in shown.page.locator("#data").inner_text()
    html = made.html.read_text()
    assert str(made.pictures.parent) not in html
    assert len(html) < MOST_BYTES
    assert not re.search(r"(src|href)=\"(?!data:|#)", html)


def test_copies_stand_beside_each_other(shown: Watched, made: Made) -> None:
    titles = [one.get_attribute("title") for one in shown.page.locator(".group img").all()]
    assert made.copies <= set(titles)


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")])
def test_it_can_be_read(shown: Watched, size: tuple[int, int], scheme: str) -> None:
    shown.show(size, scheme)
    shown.screenshot(f"{size[0]}-{scheme}")
    assert shown.overflow() == []
    assert shown.violations() == []


def test_it_can_be_printed(shown: Watched) -> None:
    printed = shown.page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type */Page\b", printed)) > 1
