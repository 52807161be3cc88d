"""The operator's page in a browser."""

import pytest

from tests.browser import DESK, PHONE, Watched
from tests.search_api.operated import Operated, aside, operated
from tests.services import until

__all__ = ["operated"]


@pytest.fixture
def shown(page: Watched, operated: Operated) -> Watched:
    """The operator's page, with the key given."""
    page.page.goto(f"{operated.stack.url}/admin")
    page.page.locator("#key-form").wait_for()
    page.page.get_by_label("API key").fill(operated.key)
    page.page.get_by_role("button", name="Use it").click()
    page.page.locator("#versions tr").first.wait_for()
    page.page.locator("#pictures li .gone").nth(1).wait_for()
    return page


def test_the_page_asks_for_a_key_of_an_operator(page: Watched, operated: Operated) -> None:
    page.page.goto(f"{operated.stack.url}/admin")
    page.page.locator("#problem", has_text="key").wait_for()
    page.screenshot("no-key")
    assert page.violations() == []
    page.page.get_by_label("API key").fill("wrong")
    page.page.get_by_role("button", name="Use it").click()
    page.page.locator("#key-form").wait_for()
    assert page.page.locator("#versions-title").is_hidden()


def test_the_page_goes_back_when_it_is_meant(shown: Watched, operated: Operated) -> None:
    operated.reindex()
    shown.page.get_by_role("button", name="Reload").click()
    current, before = (one.version for one in operated.operator.versions().versions[:2])
    row = shown.page.locator("#versions tr").nth(1)
    shown.page.locator(f"#versions tr td[title='{current}']").wait_for()
    row.get_by_role("button", name="Serve").click()
    assert before in shown.page.locator("#sure-said").inner_text()
    shown.screenshot("sure")
    shown.page.get_by_role("button", name="Leave it").click()
    assert operated.operator.versions().current == current
    row.get_by_role("button", name="Serve").click()
    shown.page.get_by_role("button", name="Serve it").click()
    shown.page.locator("#status", has_text=f"{before} is served").wait_for()
    assert operated.served() == before
    assert row.locator(".state").all_inner_texts() == ["current", "served"]
    operated.operator.roll_back(current)
    until(lambda: operated.served() == current, what="the newest again")


def test_the_page_shows_the_models_and_what_cannot_be_served(
    shown: Watched, operated: Operated
) -> None:
    model = shown.page.locator("#models tr td").all_inner_texts()
    assert (model[0], model[1], model[3]) == ("1", "served", "toy")
    first = shown.page.locator("#versions tr").nth(1)
    assert first.get_by_role("button", name="Serve").is_visible()
    assert first.locator(".problem").count() == 0
    with aside(operated.store / "models" / "embedder" / "1"):
        shown.page.get_by_role("button", name="Reload").click()
        told = first.locator(".problem")
        told.wait_for()
        said = told.inner_text()
    assert said == "Cannot be served: models/embedder/1/manifest.json does not exist"
    assert first.get_by_role("button", name="Serve").count() == 0


def test_the_page_shows_what_has_no_vector_by_its_reason(shown: Watched) -> None:
    names = shown.page.locator("#pictures strong")
    assert names.all_inner_texts() == ["label-0/cut.jpg", "label-0/text.png"]
    shown.page.get_by_role("button", name="not-a-picture").click()
    until(lambda: names.all_inner_texts() == ["label-0/text.png"], what="the chosen ones")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_suits_phones_and_the_dark_and_everyone(
    shown: Watched, size: tuple[int, int], scheme: str
) -> None:
    shown.show(size, scheme)
    assert shown.overflow() == []
    assert shown.violations() == []
    shown.screenshot("operator")
    # Told of the key that was missing, and of the pictures that cannot be shown.
    assert all("status of 4" in one for one in shown.problems), shown.problems
