"""The operator's page in a browser."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route

from tests.browser import LOOKS, Watched
from tests.search_api.operated import Operated, aside, operated
from tests.services import until

__all__ = ["operated"]

VERSIONS, MODELS = re.compile("/index/versions$"), re.compile("/models$")
ROLLBACK, IMAGES = re.compile("/index/rollback$"), re.compile(r"/image\?size=")
QUARANTINE = re.compile(r"/quarantine\?")
UNAUTHORIZED = 401
DESCRIBED = ("versions", "models", "quarantine")


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


def test_what_is_typed_of_a_key_stays_though_another_section_is_refused(
    page: Watched, operated: Operated
) -> None:
    held: list[Route] = []
    page.page.route(QUARANTINE, lambda route: held.append(route))
    page.page.goto(f"{operated.stack.url}/admin")
    page.page.get_by_label("API key").fill("half of a ")  # the other sections were refused
    with page.page.expect_response(QUARANTINE):
        held[0].continue_()
    page.page.wait_for_function("document.getElementById('status').textContent === ''")
    assert page.page.get_by_label("API key").input_value() == "half of a "


def test_an_answer_of_before_the_key_was_given_takes_nothing_away(
    page: Watched, operated: Operated
) -> None:
    held: list[Route] = []
    page.page.route(VERSIONS, lambda route: route.fallback() if held else held.append(route))
    page.page.goto(f"{operated.stack.url}/admin")
    page.page.get_by_label("API key").fill(operated.key)  # the other sections were refused
    page.page.get_by_role("button", name="Use it").click()
    page.page.locator("#versions tr").first.wait_for()
    with page.page.expect_response(lambda response: response.status == UNAUTHORIZED):
        held[0].continue_()
    page.page.get_by_role("button", name="Reload").focus()  # the page has gone on
    assert page.page.locator("#versions tr").first.is_visible()
    assert page.page.locator("#key-form").is_hidden()


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
    # The button that was pressed is gone; who uses the keyboard is still at its table.
    table = shown.page.get_by_role("region", name="Table of versions")
    assert table.evaluate("one => one === document.activeElement")
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


def refusal(status: int, kind: str, title: str) -> dict[str, Any]:
    """Give what a route is fulfilled with, so that it is refused."""
    document = {"type": f"urn:lookalike:problem:{kind}", "title": title, "detail": "of no use"}
    return {
        "status": status,
        "body": json.dumps({**document, "status": status}),
        "headers": {"Content-Type": "application/problem+json", "Retry-After": "1"},
    }


NOT_NOW = refusal(503, "nothing-published", "Nothing has been published yet")


def listed(*ids: str, types: dict[str, int] | None = None) -> dict[str, Any]:
    """Give what a route is fulfilled with: pictures without a vector."""
    pictures = [{"id": one, "uri": one, "type": "no-features", "detail": "white"} for one in ids]
    types = types or {"no-features": len(ids)}
    return {"json": {"index_version": "1", "types": types, "pictures": pictures}}


@pytest.mark.parametrize(
    ("failing", "kind"), [(VERSIONS, "versions"), (MODELS, "models"), (QUARANTINE, "quarantine")]
)
def test_each_section_is_shown_whatever_is_wrong_with_another(
    shown: Watched, failing: re.Pattern[str], kind: str
) -> None:
    page = shown.page
    page.route(failing, lambda route: route.fulfill(**NOT_NOW))
    page.get_by_role("button", name="Reload").click()
    page.locator(f"#{kind}-problem", has_text="Nothing has been published yet").wait_for()
    until(lambda: page.locator("#status").inner_text() == "", what="all sections")
    for one in DESCRIBED:
        assert page.locator(f"#{one}-title").is_visible()
        assert page.locator(f"#{one}-problem .notice").count() == (one == kind)
    assert page.locator("#versions tr").count() > 0 or kind == "versions"
    assert page.locator("#models tr").count() == (kind != "models")
    assert page.locator("#pictures li").count() == (0 if kind == "quarantine" else 2)
    assert page.locator("#none").is_hidden()
    assert shown.violations() == []
    page.unroute(failing)
    page.get_by_role("button", name="Reload").click()
    until(lambda: page.locator("main .notice").count() == 0, what="the problem's end")


def test_one_goes_back_on_a_replica_that_serves_nothing(page: Watched, operated: Operated) -> None:
    """Then the pictures without a vector are not to be had, and to go back is what helps."""
    operated.reindex()
    current, before = (one.version for one in operated.operator.versions().versions[:2])
    page.page.route(QUARANTINE, lambda route: route.fulfill(**NOT_NOW))
    opened(page, operated)
    page.page.locator("#versions tr").nth(1).get_by_role("button", name="Serve").click()
    page.page.get_by_role("button", name="Serve it").click()
    page.page.locator("#status", has_text=f"{before} is served").wait_for()
    assert page.page.locator("#quarantine-problem .notice").is_visible()
    operated.operator.roll_back(current)
    until(lambda: operated.served() == current, what="the newest again")


def opened(page: Watched, operated: Operated) -> None:
    """Open the operator's page with the key given."""
    page.page.add_init_script(f"sessionStorage.setItem('lookalike.key', '{operated.key}')")
    page.page.goto(f"{operated.stack.url}/admin")
    page.page.locator("#versions tr").first.wait_for()


def moved(page: Watched, operated: Operated, look: Callable[[Route], None]) -> str:
    """Have a version served that never is; ``look`` answers how it looks then."""
    version = operated.older()
    page.page.clock.install()
    opened(page, operated)
    answer = {"version": version, "before": None}
    page.page.route(ROLLBACK, lambda route: route.fulfill(json=answer))
    page.page.route(VERSIONS, look)
    page.page.locator("#versions tr").nth(1).get_by_role("button", name="Serve").click()
    page.page.get_by_role("button", name="Serve it").click()
    return version


def ended(page: Watched, words: str) -> str:
    """Let time pass until the page says how it ended."""
    status = page.page.locator("#status")

    def says() -> bool:
        page.page.clock.run_for(1000)
        return words in status.inner_text()

    until(says, what=words)
    return str(status.inner_text())


def test_a_version_that_is_not_served_yet_is_not_said_to_be(
    page: Watched, operated: Operated
) -> None:
    version = moved(page, operated, lambda route: route.continue_())
    said = ended(page, "does not serve it yet")
    assert said.startswith(f"{version} was made current; this replica")
    assert "is served" not in said


def test_where_nobody_tells_whether_it_is_served_that_is_said(
    page: Watched, operated: Operated
) -> None:
    version = moved(page, operated, lambda route: route.fulfill(**NOT_NOW))
    said = ended(page, "is not known")
    assert said.startswith(f"{version} was made current; whether this replica serves it")
    assert said.endswith("Nothing has been published yet.")
    assert page.page.locator("#versions-problem .notice").is_visible()


def test_a_service_that_is_busy_for_a_moment_is_asked_again(
    page: Watched, operated: Operated
) -> None:
    looks = 0

    def look(route: Route) -> None:
        nonlocal looks
        looks += 1
        if looks < 4:
            route.fulfill(**NOT_NOW)
            return
        told = route.fetch().json()
        for one in told["versions"]:
            one["served"] = one["version"] == version
        route.fulfill(json=told)

    version = operated.older()
    moved(page, operated, look)
    assert ended(page, "is served.") == f"{version} is served."


@pytest.mark.parametrize(
    ("answer", "unknown"),
    [({"status": 504, "body": "a proxy"}, True), (refusal(409, "publish-conflict", "No"), False)],
)
def test_whether_current_moved_is_not_known_where_the_answer_was_lost(
    shown: Watched, answer: dict[str, Any], unknown: bool
) -> None:
    shown.page.route(ROLLBACK, lambda route: route.fulfill(**answer))
    shown.page.locator("#versions tr").nth(1).get_by_role("button", name="Serve").click()
    shown.page.get_by_role("button", name="Serve it").click()
    shown.page.locator("#problem .notice").wait_for()
    assert ("is not known" in shown.page.locator("#status").inner_text()) == unknown


def test_beside_a_damaged_current_version_no_difference_is_told(shown: Watched) -> None:
    def damaged(route: Route) -> None:
        told = route.fetch().json()
        told["versions"][0] |= {"pictures": None, "problem": "it is damaged"}
        route.fulfill(json=told)

    shown.page.route(VERSIONS, damaged)
    shown.page.get_by_role("button", name="Reload").click()
    shown.page.locator("#versions .problem", has_text="it is damaged").wait_for()
    shown.page.locator("#versions tr").nth(1).get_by_role("button", name="Serve").click()
    said = shown.page.locator("#sure-said").inner_text()
    assert "has 32 pictures, and is by model 1" in said


def test_the_pictures_of_the_last_choice_are_shown(shown: Watched) -> None:
    held: list[Route] = []
    shown.page.route(QUARANTINE, lambda route: held.append(route))
    chips, names = shown.page.locator("#types button"), shown.page.locator("#pictures strong")
    chips.nth(1).click()
    chips.nth(2).click()
    until(lambda: waited(shown) and len(held) == 2, what="both questions")
    first, second = (route.request.url.partition("type=")[2] for route in held)
    assert first != second
    held[1].fulfill(**listed("second"))
    until(lambda: names.all_inner_texts() == ["second"], what="the second choice")
    held[0].fulfill(**listed("first"))
    waited(shown, 300)
    assert names.all_inner_texts() == ["second"]


def test_reloading_twice_shows_each_picture_once(shown: Watched) -> None:
    held: list[Route] = []
    shown.page.route(QUARANTINE, lambda route: held.append(route))
    shown.page.get_by_role("button", name="Reload").click()
    shown.page.get_by_role("button", name="Reload").click()
    until(lambda: waited(shown) and len(held) == 2, what="both questions")
    for route in held:
        route.fulfill(**listed("a", "b", "c"))
    names = shown.page.locator("#pictures strong")
    until(lambda: names.count() > 0, what="the pictures")
    waited(shown, 300)
    assert names.all_inner_texts() == ["a", "b", "c"]


def waited(shown: Watched, milliseconds: float = 10) -> bool:
    """Let the page act; only then are its questions heard."""
    shown.page.wait_for_timeout(milliseconds)
    return True


def test_more_is_asked_for_once(shown: Watched) -> None:
    ids = [f"{number:02}" for number in range(61)]
    more, names = shown.page.locator("#more"), shown.page.locator("#pictures strong")
    types = {"no-features": 61}
    shown.page.route(QUARANTINE, lambda route: route.fulfill(**listed(*ids[:60], types=types)))
    shown.page.get_by_role("button", name="Reload").click()
    more.wait_for()
    held: list[Route] = []
    shown.page.route(QUARANTINE, lambda route: held.append(route))
    more.click()
    until(lambda: waited(shown) and len(held) == 1, what="the question")
    assert more.is_disabled()
    held[0].fulfill(**listed(ids[60], types=types))
    until(lambda: names.all_inner_texts() == ids, what="the last one")
    assert more.is_hidden()


def test_only_pictures_near_the_view_are_loaded_and_none_that_is_gone(shown: Watched) -> None:
    asked: list[Route] = []
    shown.page.route(IMAGES, lambda route: asked.append(route))
    ids = [f"{number:02}" for number in range(60)]
    shown.page.route(QUARANTINE, lambda route: route.fulfill(**listed(*ids)))
    aborted: list[str] = []
    shown.page.on("requestfailed", lambda request: aborted.append(request.url))
    shown.page.get_by_role("button", name="Reload").click()
    until(lambda: waited(shown) and len(asked) > 0, what="the first pictures")
    waited(shown, 300)
    near = len(asked)
    assert near < 60
    shown.page.locator("#pictures li").last.scroll_into_view_if_needed()
    until(lambda: waited(shown) and len(asked) > near, what="the last pictures")
    waited(shown, 300)
    shown.page.unroute(QUARANTINE)
    shown.page.get_by_role("button", name="Reload").click()
    until(lambda: waited(shown) and len(aborted) >= len(asked) - 2, what="no more of them")


def test_a_picture_is_asked_for_again_where_the_service_is_busy(shown: Watched) -> None:
    asked: dict[str, int] = {}

    def answer(route: Route) -> None:
        url = route.request.url
        asked[url] = asked.get(url, 0) + 1
        busy = refusal(429, "too-busy", "The service has more to do")
        if "text.png" in url:
            route.fulfill(**refusal(502, "model-server-error", "The model server failed"))
        elif asked[url] == 1:
            route.fulfill(**busy)
        else:
            route.continue_()

    shown.page.route(IMAGES, answer)
    shown.page.get_by_role("button", name="Reload").click()
    gone = shown.page.locator("#pictures li .gone")
    until(lambda: gone.count() == 2, what="both pictures")
    said = gone.all_inner_texts()
    assert said == ["It cannot be shown.", "The model server failed"]
    assert sorted(asked.values()) == [1, 2]


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_the_page_suits_phones_and_the_dark_and_everyone(
    shown: Watched, size: tuple[int, int], scheme: str
) -> None:
    shown.show(size, scheme)
    assert shown.overflow() == []
    assert shown.violations() == []
    shown.screenshot("operator")
    # Told of the key that was missing, and of the pictures that cannot be shown.
    assert all("status of 4" in one for one in shown.problems), shown.problems
