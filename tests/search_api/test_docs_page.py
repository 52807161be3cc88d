"""The page of the OpenAPI document, in a browser."""

import pytest

from tests.browser import DESK, PHONE, Watched
from tests.search_api.conftest import Stack


@pytest.fixture
def shown(page: Watched, stack: Stack) -> Watched:
    page.page.goto(f"{stack.url}/docs")
    page.page.wait_for_selector("#state", state="detached")
    return page


def test_it_shows_every_path_and_opens_each_trial_and_schema(shown: Watched) -> None:
    page = shown.page
    paths = page.locator("article h2").all_inner_texts()
    assert any("/search" in path for path in paths)
    summaries = page.locator("details > summary")
    summaries.first.click()
    summaries.evaluate_all("all => all.slice(1).forEach((one) => one.click())")
    assert page.locator("details").count() == page.locator("details[open]").count() > len(paths)
    assert all(form.is_visible() for form in page.locator("form.try").all())
    shown.screenshot("open")
    assert shown.problems == []


def test_a_link_to_a_schema_opens_it(shown: Watched) -> None:
    link = shown.page.locator("article a[href^='#schema-']").first
    target = link.get_attribute("href")
    link.click()
    shown.page.wait_for_selector(f"{target}[open]")


@pytest.mark.parametrize(
    "size", [PHONE, pytest.param(DESK, marks=pytest.mark.long)], ids=["phone", "desk"]
)
def test_it_asks_its_own_service_alone_and_fits_its_window(
    shown: Watched, stack: Stack, size: tuple[int, int]
) -> None:
    assert {url.removeprefix(stack.url) for url in shown.requested} <= {
        "/docs",
        "/openapi.json",
        "/favicon.ico",
    }
    shown.show(size)
    assert shown.overflow() == []
    assert shown.violations() == []
    assert shown.problems == []


def test_a_request_can_be_tried(shown: Watched) -> None:
    article = shown.page.locator("article", has_text="/healthz").first
    article.locator("summary", has_text="Try it").click()
    article.locator("button[type=submit]").click()
    article.locator("strong", has_text="200").wait_for()
    assert shown.problems == []
