"""The search page in a browser, as people use it: with a mouse, a keyboard, a phone."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np
import pytest
import requests

from lookalike.client import Client
from search_api.web import POLICY, assets
from tests.browser import DESK, LOOKS, PHONE, Watched
from tests.search_api.conftest import Stack, running_stack
from tests.search_api.shown import FIRST, PICTURES, SHOWN, Shown, answering, choose, expected
from tests.services import run_here, status, until

OPACITIES = """() => {
  const heat = document.getElementById("heat");
  const { data } = heat.getContext("2d").getImageData(0, 0, heat.width, heat.height);
  return [...data].filter((_, n) => n % 4 === 3);
}"""


def test_a_chosen_picture_is_searched_for(shown: Shown, shop: Stack) -> None:
    path = shop.pictures / "label-2" / "4.jpg"
    assert shown.page.locator("#welcome").is_visible()
    choose(shown.page, path)
    assert shown.found() == expected(shop, id="label-2/4.jpg")
    assert shown.page.locator("#query-name").inner_text() == "4.jpg"
    assert shown.page.locator("#preview").is_visible()
    shown.loaded()
    assert "model 1" in shown.page.locator("#versions").inner_text()
    shown.screenshot("found")
    assert shown.problems == []


def test_a_pasted_and_a_dropped_picture_are_searched_for(shown: Shown, shop: Stack) -> None:
    data = list((shop.pictures / "label-3" / "1.png").read_bytes())
    transfer = """([kind, data]) => {
      const given = new DataTransfer();
      given.items.add(new File([new Uint8Array(data)], "given.png", { type: "image/png" }));
      const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: given, bubbles: true })
        : new DragEvent(kind, { dataTransfer: given, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
    }"""
    for kind in ("paste", "drop"):
        shown.page.reload()
        found = shown.after(lambda kind=kind: shown.page.evaluate(transfer, [kind, data]))  # type: ignore[misc]
        assert found == expected(shop, id="label-3/1.png")
    shown.page.evaluate(transfer, ["dragover", data])
    assert shown.page.locator("#drop").is_visible()
    assert shown.problems == []


def test_a_result_is_searched_from_and_one_can_go_back(by_id: Shown, shop: Stack) -> None:
    first = by_id.hits
    then = by_id.after(by_id.page.locator("#results a").nth(1).click)
    assert then == expected(shop, id=first[1])
    assert by_id.page.locator("#query-name").inner_text() == first[1]
    assert by_id.after(by_id.page.go_back) == first
    by_id.page.reload()
    assert by_id.found() == first


def test_one_can_go_back_to_a_file(shown: Shown, shop: Stack) -> None:
    choose(shown.page, shop.pictures / "label-1" / "2.jpg")
    before = shown.found()
    shown.after(shown.page.locator("#results a").first.click)
    assert shown.after(shown.page.go_back) == before
    shown.page.go_back()
    shown.page.locator("#welcome").wait_for()


def test_a_box_that_is_dragged_is_a_search_by_a_part(by_id: Shown, shop: Stack) -> None:
    by_id.page.locator("#preview").wait_for()
    place = by_id.page.locator("#picture").bounding_box()
    assert place
    mouse = by_id.page.mouse
    mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 4)
    mouse.down()
    mouse.move(place["x"] + place["width"] - 1, place["y"] + place["height"] * 3 / 4, steps=4)
    found = by_id.after(mouse.up)
    sides = [
        float(by_id.page.locator(f"#side-{side}").input_value())
        for side in ("left", "top", "right", "bottom")
    ]
    assert sides == pytest.approx([0.5, 0.25, 1, 0.75], abs=0.02)
    assert f'"left":{sides[0]:g}' in unquote(by_id.page.url)
    assert set(found) <= set(expected(shop, k=PICTURES))
    assert found != expected(shop)
    by_id.screenshot("part")
    assert by_id.after(by_id.page.get_by_role("button", name="The whole picture").click) == (
        expected(shop)
    )


def test_filters_are_made_of_the_catalogue_s_attributes(by_id: Shown, shop: Stack) -> None:
    page = by_id.page
    red = page.get_by_role("button", name=re.compile("red"))
    found = by_id.after(red.click)
    assert found == expected(shop, filter={"attribute": "colour", "in": ["red"]})
    assert len(found) == PICTURES // 3
    assert red.get_attribute("aria-pressed") == "true"
    page.get_by_role("spinbutton", name="From").fill("6")
    found = by_id.after(lambda: page.get_by_role("spinbutton", name="From").press("Enter"))
    prices = [Client(shop.url).picture(one).attributes["price"] for one in found]
    assert prices
    assert all(price >= 6 and price % 3 == 0 for price in prices)  # type: ignore[operator]
    page.reload()
    assert by_id.found() == found
    assert red.get_attribute("aria-pressed") == "true"
    page.get_by_role("spinbutton", name="To").fill("5")
    page.get_by_role("spinbutton", name="To").press("Enter")
    assert by_id.found("Nothing that was found") == []
    by_id.screenshot("nothing")
    assert by_id.after(page.get_by_role("button", name="Clear all of it").click) == expected(shop)
    assert red.get_attribute("aria-pressed") == "false"


def test_the_slider_leaves_out_what_scores_less(by_id: Shown, shop: Stack) -> None:
    slider = by_id.page.get_by_label(re.compile("Minimum score"))
    every = Client(shop.url).search(id=FIRST, k=PICTURES, exclude_self=True).results
    scores = [float(str(hit.score)) for hit in every]
    least = next(n / 20 for n in range(1, 20) if sum(s >= n / 20 for s in scores) < SHOWN)
    found = by_id.after(lambda: slider.fill(str(least)))
    assert found == [hit.id for hit, score in zip(every, scores, strict=True) if score >= least]
    assert 0 < len(found) < len(every)
    assert by_id.page.locator("#min-score-said").inner_text() == f"{100 * least:.0f} %"


def test_why_colours_what_made_a_picture_be_found(by_id: Shown, shop: Stack) -> None:
    why = by_id.page.locator("#results .why")
    assert why.count() == SHOWN
    heat = by_id.page.locator("#heat")
    assert not heat.is_visible()
    why.nth(1).click()
    heat.wait_for()
    assert "upper half" in str(heat.get_attribute("aria-label"))
    name = str(by_id.hits[1]).partition("/")[0]
    said = f"The colours show what it has in common with number 2, {name}."
    assert by_id.page.locator("#why").inner_text() == said
    opaque = by_id.page.evaluate(OPACITIES)
    parts = Client(shop.url).explain(id=FIRST, hits=[by_id.hits[1]]).explained[0].parts
    most = max(part for row in parts for part in row)
    expected_opacity = [round(255 * 0.65 * max(0, part / most)) for row in parts for part in row]
    assert opaque == pytest.approx(expected_opacity, abs=1)
    # The pictures are 90 by 60, and the model sees a square with white above and below.
    over, picture = heat.bounding_box(), by_id.page.locator("#preview").bounding_box()
    assert over
    assert picture
    assert over["width"] == pytest.approx(picture["width"], abs=2)
    assert over["height"] == pytest.approx(picture["height"] * 1.5, rel=0.05)
    by_id.screenshot("why")
    assert by_id.violations() == []
    why.nth(1).click()
    assert not heat.is_visible()
    why.nth(2).click()
    heat.wait_for()
    by_id.after(by_id.page.locator("#results a").first.click)
    assert not heat.is_visible()
    assert by_id.problems == []


def test_more_is_below(by_id: Shown, shop: Stack) -> None:
    more = by_id.page.get_by_role("button", name="More")
    with by_id.page.expect_response(re.compile("/search$")):
        more.click()
    by_id.found(f"{PICTURES - 1} pictures")
    assert by_id.hits == expected(shop, k=PICTURES)
    assert not more.is_visible()


def test_all_of_it_works_by_keyboard(shown: Shown, shop: Stack) -> None:
    """From the link of a result to its results, a filter, a part, and back, without a mouse."""
    page = shown.page
    page.goto(f"{shop.url}/?id={FIRST}")
    first = shown.found()
    page.locator("#filters fieldset").first.wait_for()
    reached = []
    page.locator("body").press("Tab")
    for _ in range(80):
        focused = page.evaluate("() => document.activeElement.id || document.activeElement.title")
        reached.append(focused)
        if focused == first[0]:
            break
        page.keyboard.press("Tab")
    assert {"file", "use-key", "min-score"} <= set(reached)
    assert shown.after(lambda: page.keyboard.press("Enter")) == expected(shop, id=first[0])
    page.locator("#part summary").focus()
    page.keyboard.press("Enter")
    page.locator("#side-left").focus()
    found = shown.after(lambda: [page.keyboard.press("ArrowRight") for _ in range(3)])
    assert float(page.locator("#side-left").input_value()) == pytest.approx(0.03)
    assert found
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "results"


def test_a_busy_service_is_asked_again(shown: Shown, shop: Stack) -> None:
    busy = (429, {"Retry-After": "1"}, "too-busy")
    shown.page.route("**/search", answering(busy, busy))
    shown.page.goto(f"{shop.url}/?id={FIRST}")
    shown.page.locator("#status", has_text="Trying again in").wait_for()
    shown.screenshot("busy")
    assert shown.found() == expected(shop)


def test_a_service_that_stays_busy_can_be_asked_again_by_hand(shown: Shown, shop: Stack) -> None:
    away = (503, {"Retry-After": "1"}, "model-server-down")
    shown.page.route("**/search", answering(*[away] * 4))
    shown.page.goto(f"{shop.url}/?id={FIRST}")
    shown.page.locator("#problem", has_text="model-server-down").wait_for()
    shown.screenshot("down")
    assert shown.after(shown.page.get_by_role("button", name="Try again").click) == expected(shop)


def test_a_service_that_is_gone_is_told(shown: Shown, shop: Stack) -> None:
    shown.page.route("**/search", lambda route: route.abort())
    shown.page.goto(f"{shop.url}/?id={FIRST}")
    shown.page.locator("#problem", has_text="cannot be reached").wait_for()
    shown.screenshot("gone")


def test_what_is_no_picture_is_told(shown: Shown, tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("no picture")
    choose(shown.page, tmp_path / "note.jpg")
    shown.page.locator("#problem .notice").wait_for()
    assert shown.page.locator("#problem h3").inner_text()
    shown.screenshot("no-picture")
    assert shown.violations() == []


def test_an_unknown_id_is_told_as_text(shown: Shown, shop: Stack) -> None:
    shown.page.goto(f"{shop.url}/?id=%3Cimg src=x onerror=alert(1)%3E")
    shown.page.locator("#problem", has_text="<img src=x onerror=alert(1)>").wait_for()
    assert shown.page.locator("#problem img").count() == 0


def test_a_service_with_keys_asks_for_one(
    page: Watched, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("keys")
    keys = root / "keys.txt"
    made = run_here(["api-key", "web", "--file", str(keys)], {})
    secret = made.stdout.strip()
    with running_stack(root, settings={"LOOKALIKE_API_KEYS": str(keys)}) as running:
        page.page.goto(f"{running.url}/?id={FIRST}")
        page.page.locator("#key-form").wait_for()
        page.screenshot("no-key")
        assert page.violations() == []
        page.page.get_by_label("API key").fill("wrong")
        page.page.get_by_role("button", name="Use it").click()
        page.page.locator("#key-form").wait_for()
        page.page.get_by_label("API key").fill(secret)
        page.page.get_by_role("button", name="Use it").click()
        page.page.locator("#results img").first.wait_for()
        page.page.reload()
        page.page.locator("#results img").first.wait_for()
        assert secret not in page.page.url


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_it_suits_phones_and_the_dark_and_everyone(
    by_id: Shown, size: tuple[int, int], scheme: str
) -> None:
    by_id.show(size, scheme)
    by_id.loaded()
    for closed in by_id.page.locator("details:not([open]) > summary").all():
        closed.click()
    assert by_id.overflow() == []
    assert by_id.violations() == []
    by_id.screenshot("results")
    by_id.page.goto(by_id.page.url.partition("?")[0])
    by_id.page.locator("#welcome").wait_for()
    assert by_id.overflow() == []
    assert by_id.violations() == []
    by_id.screenshot("welcome")
    assert by_id.problems == []


def test_the_welcome_is_in_the_middle_while_nothing_stands_beside_it(shown: Shown) -> None:
    shown.show(DESK)
    box = shown.page.locator("#welcome").bounding_box()
    assert box
    assert box["x"] == pytest.approx(DESK[0] - box["x"] - box["width"], abs=1)


def test_below_a_narrow_picture_no_word_is_broken(by_id: Shown, tmp_path: Path) -> None:
    _, tall = cv2.imencode(".png", np.zeros((200, 40, 3), np.uint8))
    by_id.page.route("**/image?*", lambda route: route.fulfill(body=tall.tobytes()))
    by_id.show(PHONE)
    by_id.page.reload()
    by_id.found()
    by_id.loaded()
    label = by_id.page.locator("#results .label span").first
    height, line = label.evaluate(
        "one => [one.getBoundingClientRect().height, parseFloat(getComputedStyle(one).lineHeight)]"
    )
    assert height == pytest.approx(line, abs=1)
    by_id.screenshot("narrow")


def test_rows_are_filled_and_pictures_keep_their_shape(by_id: Shown) -> None:
    by_id.show(DESK)
    by_id.loaded()
    by_id.page.evaluate("() => scrollTo(0, document.body.scrollHeight)")
    until(lambda: not by_id.page.locator("#results li.waiting").count())
    boxes = [one.bounding_box() for one in by_id.page.locator("#results .frame").all()]
    list_box = by_id.page.locator("#results").bounding_box()
    assert list_box
    rows: dict[float, list[Any]] = {}
    for box in boxes:
        assert box
        rows.setdefault(box["y"], []).append(box)
    full = list(rows.values())[:-1]
    assert full
    for row in full:
        assert {round(box["height"]) for box in row} == {round(row[0]["height"])}
        # As the pictures are: 90 by 60.
        assert row[0]["width"] / row[0]["height"] == pytest.approx(1.5, abs=0.02)
        assert row[-1]["x"] + row[-1]["width"] == pytest.approx(
            list_box["x"] + list_box["width"], abs=2
        )


def test_it_asks_its_own_service_alone_under_a_strict_policy(by_id: Shown, shop: Stack) -> None:
    assert all(url.startswith(shop.url) for url in by_id.requested)
    with by_id.page.expect_response(f"{shop.url}/?id={FIRST}") as told:
        by_id.page.reload()
    headers = told.value.headers
    assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert headers["x-content-type-options"] == "nosniff"


def test_its_files_are_asked_about_and_sent_once(shop: Stack) -> None:
    for name, asset in assets().items():
        first = requests.get(f"{shop.url}/web/{name}", timeout=10)
        assert first.content == asset.data
        again = {"If-None-Match": first.headers["ETag"]}
        assert requests.get(f"{shop.url}/web/{name}", headers=again, timeout=10).status_code == 304
    assert status(f"{shop.url}/web/__init__.py") == 404
    assert status(f"{shop.url}/web/..%2Fapp.py") == 404
