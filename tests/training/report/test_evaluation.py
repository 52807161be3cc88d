"""One evaluation of real pictures: its figures, and its page in a browser without a network.

In one file, so that one process makes it for all of them.
"""

import re

import pytest

from lookalike.picture import read_picture
from tests.browser import DESK, PHONE, Watched
from tests.training.report.conftest import BROKEN, CATEGORIES, HOSTILE, PICTURES, Made
from training.copy_check import CONTRACT, agreement, reduced

SECTIONS = ("learning", "categories", "confusions", "hardest", "map", "scores", "data", "cost")
MOST_BYTES = 10_000_000


@pytest.fixture
def shown(page: Watched, made: Made) -> Watched:
    page.page.context.set_offline(True)
    page.page.goto(made.html.as_uri())
    return page


def test_the_copies_are_on_one_side_and_their_labels_disagree(made: Made) -> None:
    data = made.evaluation.data
    [group] = [one for one in data.near_copies if {each.id for each in one} & made.copies]
    assert {one.id for one in group} == made.copies
    assert group in data.contradictory
    assert data.leaked == []
    assert "near copies: 2 pictures" in made.output


def test_data_are_counted(made: Made) -> None:
    data = made.evaluation.data
    assert {one.category for one in data.categories} == set(CATEGORIES.values())
    total = len(CATEGORIES) * PICTURES + 1
    assert sum(one.pictures for one in data.categories) == data.measured == data.compared == total
    assert data.formats == {"PNG": total - 1, "JPEG": 1}
    assert sum(one.pictures for one in data.sizes) == total
    assert [file.id for file in data.skipped] == [BROKEN]
    assert data.imbalance == pytest.approx((PICTURES + 1) / PICTURES)


def test_the_cost_is_that_of_the_model(made: Made) -> None:
    cost = made.evaluation.cost
    assert cost.vector_bytes == 4 * cost.dimensions == 512
    assert cost.pictures_per_second > 0
    # VGG16 without its top, 512 to 128, and 128 to the categories; preprocessing has 12 numbers.
    assert cost.parameters == 14_714_688 + 513 * 128 + 129 * len(CATEGORIES) + 12
    assert cost.model_bytes > 4 * cost.parameters


def test_figures_agree_with_each_other(made: Made) -> None:
    told = made.evaluation
    weighed = [(one.tuned, one.queries) for one in told.categories]
    mean = sum(value * count for value, count in weighed) / told.queries
    tuned = next(row for row in told.rows if (row.vectors, row.metric) == ("tuned", "cosine"))
    assert mean == pytest.approx(tuned.mean_average_precision)
    worst = [one.precision for one in told.hardest]
    assert worst == sorted(worst)
    assert {len(series) for series in told.history.values()} == {len(told.history["loss"])}
    assert sum(one.pairs for one in told.calibration.bins) == told.calibration.hits
    assert all(one.hits <= one.of for one in told.confusions)


def test_the_known_copies_agree(made: Made) -> None:
    one, other = (
        reduced(read_picture((made.pictures / name).read_bytes(), CONTRACT))
        for name in sorted(made.copies)
    )
    assert agreement(one, other).is_near_copy


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
