"""Where the search page stands: its address, its history, its focus, and what narrows it down."""

import json
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Request

from tests.browser import PHONE
from tests.search_api.conftest import Stack
from tests.search_api.shown import FIRST, PICTURES, SHOWN, Shown, answering, choose, expected
from tests.services import until

FOCUSED = "() => document.activeElement.id || document.activeElement.textContent"
BACK_AT_THE_TOP = """async () => {
  scrollTo(0, 0);
  await new Promise((resolve) => setTimeout(resolve, 200));
  return scrollY === 0;
}"""
RED = {"attribute": "colour", "in": ["red"]}


def address(shop: Stack, **asked: Any) -> str:
    nested = {name: json.dumps(value) for name, value in asked.items()}
    return f"{shop.url}/?{urlencode({'id': FIRST, **nested})}"


def searches(shown: Shown) -> int:
    return sum(url.endswith("/search") for url in shown.requested)


def test_to_skip_to_the_results_asks_nothing(shown: Shown, shop: Stack) -> None:
    choose(shown.page, shop.pictures / "label-1" / "2.jpg")
    found, asked = shown.found(), searches(shown)
    shown.page.locator(".skip").press("Enter")
    until(lambda: shown.page.url.endswith("#results"))
    assert shown.page.evaluate(FOCUSED) == "results"
    shown.page.go_back()
    until(lambda: not shown.page.url.endswith("#results"))
    assert shown.hits == found
    assert shown.page.locator("#query-name").inner_text() == "2.jpg"
    assert searches(shown) == asked


def test_a_file_from_before_a_reload_is_not_another_one(shown: Shown, shop: Stack) -> None:
    choose(shown.page, shop.pictures / "label-1" / "2.jpg")
    shown.found()
    shown.page.reload()
    shown.found("no longer at hand")
    choose(shown.page, shop.pictures / "label-2" / "4.jpg")
    shown.found()
    shown.page.go_back()
    shown.found("no longer at hand")
    assert shown.hits == []
    assert shown.page.locator("#welcome").is_visible()


@pytest.mark.long
def test_the_last_twenty_files_are_kept_and_no_more(shown: Shown, shop: Stack) -> None:
    pictures = sorted(shop.pictures.rglob("*.*"))[:21]
    found = [shown.after(partial(choose, shown.page, picture)) for picture in pictures]
    assert shown.after(lambda: shown.page.evaluate("history.go(-19)")) == found[1]
    assert shown.page.locator("#query-name").inner_text() == pictures[1].name
    shown.page.go_back()
    shown.found("no longer at hand")
    assert shown.hits == []


def test_a_box_that_is_none_is_not_asked_for(shown: Shown, shop: Stack) -> None:
    pixels = {"left": 0, "top": 0, "right": 10, "bottom": 10}
    turned = {"left": 0.5, "top": 0, "right": 0.25, "bottom": 1}
    for box in ("foo", [1], pixels, turned, {"left": 0}):
        shown.page.goto(address(shop, box=box))
        assert shown.found() == expected(shop)
        assert not shown.page.locator("#box").is_visible()


def test_a_slider_on_its_way_is_asked_and_remembered_once(by_id: Shown, shop: Stack) -> None:
    """Each key that it is moved by is a change of its own."""
    step = """(slider) => {
      for (let n = 0; n < 4; n++) {
        slider.stepUp();
        for (const name of ["input", "change"]) slider.dispatchEvent(new Event(name));
      }
    }"""
    for name in ("#side-left", "#min-score"):
        entries = by_id.page.evaluate("() => history.length")
        asked = searches(by_id)
        for _ in range(2):  # it rests for a while, and is moved on
            by_id.after(lambda name=name: by_id.page.locator(name).evaluate(step))  # type: ignore[misc]
        assert searches(by_id) == asked + 2
        assert by_id.page.evaluate("() => history.length") == entries + 1
    assert by_id.page.locator("#side-left").input_value() == "0.08"
    assert by_id.after(by_id.page.go_back) != expected(shop)
    assert by_id.after(by_id.page.go_back) == expected(shop)


def test_a_click_keeps_what_a_slider_was_just_moved_to(by_id: Shown) -> None:
    by_id.page.locator("#min-score").press("ArrowRight")
    by_id.after(by_id.page.locator("#results a").first.click)
    assert "min_score=0.05" in by_id.page.url


def test_a_result_opens_elsewhere_as_a_click_does(shown: Shown, shop: Stack) -> None:
    shown.page.goto(address(shop, filter=RED, min_score=0.05))
    shown.found()
    first = shown.page.locator("#results a").first
    href = first.get_attribute("href")
    clicked = shown.after(first.click)
    shown.page.goto(f"{shop.url}/{href}")
    assert shown.found() == clicked


def test_a_file_goes_up_once_for_each_part_of_it(shown: Shown, shop: Stack) -> None:
    sent: list[str] = []
    shown.page.on(
        "request", lambda one: one.url.endswith("/search") and sent.append(kind_of_body(one))
    )
    page, same = shown.page, {"id": "label-1/2.jpg"}
    choose(page, shop.pictures / same["id"])
    assert shown.found() == expected(shop, **same)
    red = shown.after(page.get_by_role("button", name="red").click)
    assert red == expected(shop, **same, filter=RED)
    shown.after(lambda: page.locator("#min-score").press("ArrowRight"))
    shown.after(page.get_by_role("button", name="Clear all of it").click)
    shown.after(page.get_by_role("button", name="More").click)
    until(lambda: len(shown.hits) > SHOWN)
    assert shown.hits == expected(shop, **same, k=PICTURES)
    assert sent == ["file", *["vector"] * 4]
    page.locator("#part summary").click()
    part = shown.after(lambda: page.locator("#side-left").press("End"))
    assert shown.after(page.get_by_role("button", name="red").click) != part
    assert shown.after(page.go_back) == part
    assert sent[5:] == ["file", "vector", "vector"]
    assert shown.problems == []
    # Another model is served meanwhile.
    page.route("**/search", answering((409, {}, "other-model")))
    assert shown.after(page.go_back) == expected(shop, **same)
    assert sent[8:] == ["vector", "file"]


def kind_of_body(request: Request) -> str:
    json = request.headers["content-type"] == "application/json"
    return next(iter(request.post_data_json)) if json else "file"


def test_a_filter_that_no_control_shows_holds_until_it_is_cleared(
    shown: Shown, shop: Stack
) -> None:
    others = [
        {"attribute": "price", "gt": 3},
        {"or": [{"attribute": "price", "lt": 20}, {"attribute": "colour", "eq": "blue"}]},
    ]
    shown.page.goto(address(shop, filter={"and": [*others, RED]}))
    assert shown.found() == expected(shop, filter={"and": [*others, RED]})
    other = shown.page.get_by_role("group", name="Another filter is set")
    assert '{"attribute":"price","gt":3}' in other.inner_text()
    green = shown.page.get_by_role("button", name="green")
    both = {"attribute": "colour", "in": ["red", "green"]}
    assert shown.after(green.click) == expected(shop, filter={"and": [*others, both]})
    shown.screenshot("other-filter")
    assert shown.violations() == []
    without = other.get_by_role("button", name="Without it")
    assert shown.after(without.click) == expected(shop, filter=both)
    assert other.count() == 0


def test_a_filter_that_is_refused_can_be_cleared(shown: Shown, shop: Stack) -> None:
    shown.page.goto(address(shop, filter={"attribute": "weight", "eq": 1}))
    shown.page.locator("#problem", has_text="filter").wait_for()
    shown.page.get_by_role("button", name="red").wait_for()
    without = shown.page.get_by_role("button", name="Without it")
    assert shown.after(without.click) == expected(shop)


def test_focus_is_not_lost_with_what_had_it(by_id: Shown) -> None:
    page = by_id.page
    by_id.after(lambda: page.locator("#results a").first.press("Enter"))
    assert page.evaluate(FOCUSED) == "results"
    by_id.after(page.get_by_role("button", name="red").click)
    by_id.after(lambda: page.get_by_role("button", name="Clear all of it").press("Enter"))
    assert page.evaluate(FOCUSED) == "Narrow down"
    # The filter of a chip is refused where another version came meanwhile: others are offered.
    page.route("**/search", answering((400, {}, "invalid-filter")))
    with page.expect_response("**/index"):
        page.get_by_role("button", name="green").press("Enter")
    until(lambda: page.evaluate(FOCUSED) == "Narrow down", seconds=10)
    by_id.after(lambda: page.get_by_role("button", name="green").press("Enter"))
    page.locator("#part summary").click()
    by_id.after(lambda: page.locator("#side-left").press("ArrowRight"))
    by_id.after(lambda: page.locator("#whole").press("Enter"))
    assert page.evaluate(FOCUSED) == "Search by a part"


def test_buttons_that_ask_why_have_names_of_their_own(by_id: Shown) -> None:
    names = [one.get_attribute("aria-label") for one in by_id.page.locator("#results .why").all()]
    assert len(set(names)) == len(names) > 0


def test_a_finger_on_the_picture_scrolls_until_a_part_is_wanted(by_id: Shown) -> None:
    by_id.show(PHONE)
    page = by_id.page
    page.locator("#preview").wait_for()
    devtools = page.context.new_cdp_session(page)

    def drag(right: int, down: int, fingers: int = 1) -> None:
        # A page that was drawn along goes on by itself for a while.
        until(lambda: page.evaluate(BACK_AT_THE_TOP), what="rest")
        place = page.locator("#picture").bounding_box()
        assert place
        for n in range(9):
            x = place["x"] + place["width"] / 4 + right * n / 8
            y = place["y"] + place["height"] / 2 + down * n / 8
            points = [{"x": x + 30 * i, "y": y + 5 * i, "id": i} for i in range(fingers)]
            kind = "touchMove" if n else "touchStart"
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    drag(80, 0)
    assert not page.locator("#box").is_visible()
    drag(0, -100)
    until(lambda: page.evaluate("() => scrollY") > 50, what="scrolling")
    page.locator("#part summary").click()
    drag(0, 40, fingers=2)  # magnifies and moves the page, and asks for nothing
    assert not page.locator("#box").is_visible()
    for right, down in ((80, -20), (20, -60)):
        by_id.after(lambda right=right, down=down: drag(right, down))  # type: ignore[misc]
        assert page.locator("#box").is_visible()
        assert page.evaluate("() => scrollY") == 0


def test_the_reader_keeps_the_place_while_it_is_asked_anew(by_id: Shown) -> None:
    """Chromium alone scrolls back by itself when a page that had become short is long again."""
    by_id.show(PHONE)
    page = by_id.page
    page.locator("#preview").wait_for()
    by_id.loaded()
    height = page.evaluate("() => document.documentElement.scrollHeight")
    held: list[Any] = []
    page.route("**/search", lambda route: held.append(route))
    red = page.get_by_role("button", name="red")
    asked = len(by_id.requested)
    red.click()
    until(lambda: held)
    assert page.locator("#preview").is_visible()
    assert page.evaluate("() => document.documentElement.scrollHeight") >= height
    held[0].continue_()
    by_id.found()
    assert not page.locator("#found").get_attribute("style")
    assert not [url for url in by_id.requested[asked:] if url.endswith("size=512")]


def test_steps_of_a_number_are_one_search_and_one_entry(by_id: Shown, shop: Stack) -> None:
    page = by_id.page
    field = page.get_by_role("spinbutton", name="From")
    field.wait_for()
    entries = page.evaluate("() => history.length")
    found = by_id.after(lambda: [field.press("ArrowUp") for _ in range(4)])
    assert page.evaluate("() => history.length") == entries + 1
    least = float(field.input_value())
    assert found == expected(shop, filter={"attribute": "price", "gte": least})


def test_what_is_no_number_takes_no_bound_away(by_id: Shown) -> None:
    page = by_id.page
    field = page.get_by_role("spinbutton", name="From")
    field.fill("6")
    by_id.after(lambda: field.press("Enter"))
    address = page.url
    field.press("End")
    page.keyboard.type("e")
    field.press("Tab")
    page.wait_for_timeout(600)
    assert page.url == address


def test_a_picture_of_another_page_does_not_take_the_place_of_this_one(by_id: Shown) -> None:
    """Some browsers give its address alone."""
    dropped = """() => {
      const given = new DataTransfer();
      given.setData("text/uri-list", "https://example.org/a.png");
      const said = (kind, on) => !on.dispatchEvent(
        new DragEvent(kind, { dataTransfer: given, bubbles: true, cancelable: true }));
      const field = document.querySelector("#filters input");
      const onPage = ["dragover", "drop"].map((kind) => said(kind, document.body));
      return [...onPage, said("drop", field)];
    }"""
    by_id.page.locator("#filters input").first.wait_for()
    assert by_id.page.evaluate(dropped) == [True, True, False]
    by_id.found("Only an address was dropped")


def test_the_key_s_form_can_be_dismissed(shown: Shown) -> None:
    use, form = shown.page.locator("#use-key"), shown.page.locator("#key-form")
    use.click()
    assert form.is_visible()
    assert use.get_attribute("aria-expanded") == "true"
    use.click()
    assert not form.is_visible()
    use.click()
    shown.page.keyboard.press("Escape")
    assert not form.is_visible()
    assert use.get_attribute("aria-expanded") == "false"
    assert shown.page.evaluate(FOCUSED) == "use-key"


def test_text_that_is_dropped_on_a_field_is_the_browser_s(by_id: Shown) -> None:
    prevented = """(field) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.setData("text/plain", "7");
      const options = { dataTransfer, bubbles: true, cancelable: true };
      return !field.dispatchEvent(new DragEvent("drop", options));
    }"""
    assert not by_id.page.get_by_role("spinbutton", name="From").evaluate(prevented)


@pytest.fixture
def copy(shop: Stack, tmp_path: Path) -> Path:
    """A file that a test may take away."""
    path = tmp_path / "copy.jpg"
    path.write_bytes((shop.pictures / "label-2" / "4.jpg").read_bytes())
    return path


def test_a_file_that_is_gone_is_told_where_it_is_needed(shown: Shown, copy: Path) -> None:
    choose(shown.page, copy)
    shown.found()
    copy.unlink()
    shown.after(shown.page.get_by_role("button", name="red").click)
    shown.page.locator("#part summary").click()
    shown.page.locator("#side-left").press("End")
    shown.page.locator("#problem", has_text="can no longer be read").wait_for()
