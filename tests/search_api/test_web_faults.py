"""What the search page makes of answers that are late, failed, strange, or of another version."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Error, Route

from tests.search_api.conftest import Stack
from tests.search_api.shown import FIRST, PICTURES, SHOWN, Shown, answering, expected
from tests.services import until

FAR = {"Retry-After": "86400"}


def explaining(parts: list[list[float]]) -> dict[str, Any]:
    """Give an explanation by parts of a square with a margin above and below."""
    area = {"left": 0, "top": -0.25, "right": 1, "bottom": 1.25}
    return {"area": area, "explained": [{"id": "a", "cosine": 1, "parts": parts}]}


def test_of_questions_why_the_last_one_is_answered(by_id: Shown) -> None:
    held: list[Route] = []
    by_id.page.route("**/explain", lambda route: held.append(route))
    why, said = by_id.page.locator("#results .why"), by_id.page.locator("#why")
    heat = by_id.page.locator("#heat")

    def release(n: int) -> None:
        with suppress(Error):  # nobody waits for it any more
            held[n].fulfill(json=explaining([[1.0]]))
        by_id.page.wait_for_timeout(100)

    for n in range(2):
        why.nth(n).click()
    until(lambda: len(held) == 2)
    release(1)
    heat.wait_for()
    told = said.inner_text()
    release(0)
    assert said.inner_text() == told
    assert why.nth(1).get_attribute("aria-pressed") == "true"
    for _ in range(2):
        why.nth(2).click()
    until(lambda: len(held) == 3)
    release(2)
    assert not heat.is_visible()
    assert said.inner_text() == ""


def test_a_question_why_that_fails_is_told_beside_the_picture(by_id: Shown) -> None:
    status = by_id.page.locator("#status")
    before = status.inner_text()
    busy = (429, {"Retry-After": "1"}, "too-busy"), (429, FAR, "too-busy")
    by_id.page.route("**/explain", answering(*busy))
    why, said = by_id.page.locator("#results .why").first, by_id.page.locator("#why")
    why.click()
    by_id.page.locator("#why", has_text="Trying again in").wait_for()
    until(lambda: said.inner_text() == "too-busy. Why.")
    assert status.inner_text() == before
    assert why.get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("box", [None, {"left": 0, "top": 0, "right": 1, "bottom": 0.5}])
def test_what_is_coloured_is_said_of_the_picture_without_the_margin(
    by_id: Shown, shop: Stack, box: dict[str, float] | None
) -> None:
    parts = [[0.0] * 7 for _ in range(7)]
    parts[0] = [9.0] * 7  # in the margin
    parts[3] = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0]
    by_id.page.route("**/explain", lambda route: route.fulfill(json=explaining(parts)))
    if box:
        by_id.page.goto(f"{shop.url}/?id={FIRST}&box={json.dumps(box)}")
        by_id.page.locator("#filters fieldset").first.wait_for()
    by_id.page.locator("#results .why").first.click()
    by_id.page.locator("#heat").wait_for()
    # Half of the middle row and column lie on either side.
    assert by_id.page.locator("#heat").get_attribute("aria-label") == (
        f"Of what made it be found, 50 % lies in the upper half of the "
        f"{'part' if box else 'picture'} and 44 % in the left one."
    )


def changed(**told: Any) -> Callable[[Route], None]:
    """Have an answer of the service say this."""

    def answer(route: Route) -> None:
        response = route.fetch()
        document = response.json()
        for name, value in told.items():
            document[name] = document[name] | value if isinstance(value, dict) else value
        route.fulfill(response=response, json=document)

    return answer


def test_why_is_not_offered_of_a_version_that_cannot_tell(by_id: Shown) -> None:
    assert by_id.page.locator("#results .why").count() == SHOWN
    by_id.page.route("**/search", changed(index_version="2"))
    by_id.page.route("**/index", changed(version="2", model={"explains": False}))
    with by_id.page.expect_response(re.compile("/index$")):
        by_id.after(by_id.page.get_by_role("button", name="red").click)
    until(lambda: not by_id.page.locator("#results .why").count())


def test_more_is_asked_once_and_again_where_it_failed(by_id: Shown, shop: Stack) -> None:
    offsets = []

    def failing(route: Route) -> None:
        offsets.append((route.request.post_data_json or {})["offset"])
        route.fulfill(status=500, json={"title": "broken"}) if len(
            offsets
        ) == 1 else route.fallback()

    by_id.page.route("**/search", failing)
    by_id.page.get_by_role("button", name="More").dblclick()
    problem = by_id.page.locator("#problem", has_text="broken")
    problem.wait_for()
    assert by_id.hits == expected(shop)
    problem.get_by_role("button", name="Try again").click()
    by_id.found(f"{PICTURES - 1} pictures")
    assert by_id.hits == expected(shop, k=PICTURES)
    assert offsets == [SHOWN, SHOWN]
    assert not problem.is_visible()
    focused = by_id.page.evaluate("() => document.activeElement.title")
    assert focused == by_id.hits[SHOWN]


def test_a_service_that_is_away_for_long_is_not_waited_for(shown: Shown, shop: Stack) -> None:
    shown.page.route("**/search", answering((503, FAR, "too-busy")))
    shown.page.goto(f"{shop.url}/?id={FIRST}")
    again = shown.page.get_by_role("button", name="Try again")
    again.wait_for(timeout=5000)
    assert shown.after(again.click) == expected(shop)


def strange() -> Iterator[dict[str, Any]]:
    """Give answers that are none of the service's."""
    yield {"status": 500, "content_type": "application/json", "body": "null"}
    yield {"status": 403, "content_type": "text/html", "body": "<h1>Log in</h1>"}
    yield {"status": 200, "content_type": "text/html", "body": "<h1>Log in</h1>"}
    yield {"status": 200, "content_type": "application/json", "body": "{}"}


def test_an_answer_of_something_else_is_told_as_one(shown: Shown, shop: Stack) -> None:
    answers = strange()

    def answer(route: Route) -> None:
        given = next(answers, None)
        route.fulfill(**given) if given else route.fallback()

    shown.page.route("**/search", answer)
    shown.page.goto(f"{shop.url}/?id={FIRST}")
    again = shown.page.get_by_role("button", name="Try again")
    for _ in strange():
        shown.page.locator("#problem h3", has_text="not one of the service's").wait_for()
        again.click()
    assert shown.found() == expected(shop)


def test_a_browser_that_keeps_nothing_searches(shown: Shown, shop: Stack) -> None:
    blocked = "{ get() { throw new DOMException('no', 'SecurityError'); } }"
    shown.page.add_init_script(f"Object.defineProperty(window, 'sessionStorage', {blocked})")
    shown.page.goto(f"{shop.url}/?id={FIRST}")
    assert shown.found() == expected(shop)


def test_a_key_that_no_request_can_hold_is_refused_at_once(shown: Shown) -> None:
    shown.page.locator("#use-key").click()
    field, use = shown.page.locator("#key"), shown.page.get_by_role("button", name="Use it")
    field.fill("ключ")
    use.click()
    assert field.is_visible()
    assert "Latin-1" in str(field.evaluate("(one) => one.matches(':invalid') && one.title"))
    field.fill("key-é")
    use.click()
    assert not field.is_visible()


def test_a_picture_that_no_address_can_name_is_not_asked_for(shown: Shown, shop: Stack) -> None:
    hits = [{"id": name, "distance": 0, "score": 0.5, "label": None} for name in (".", "..")]
    shown.page.route("**/search", changed(results=hits))
    shown.page.goto(f"{shop.url}/?id={FIRST}")
    gone = shown.page.locator("#results .gone")
    until(lambda: gone.count() == 2)
    assert "No address" in gone.first.inner_text()
    images = [url.partition("/pictures/")[2] for url in shown.requested if "/image?" in url]
    assert {name.partition("/image?")[0] for name in images} == {FIRST}
