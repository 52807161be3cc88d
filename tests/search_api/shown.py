"""The search page in a window, over a service that tests share, and answers put in its place."""

import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, Route

from lookalike.client import Client
from tests.browser import Watched
from tests.services import until

if TYPE_CHECKING:
    from tests.search_api.conftest import Stack

PICTURES = 32
SHOWN = 24
FIRST = "label-0/0.jpg"


class Shown(Watched):
    """The search page in a window."""

    @property
    def hits(self) -> list[str]:
        """The ids of what was found, in order."""
        titles = "links => links.map((link) => link.title)"  # at once: each question takes a while
        return [str(one) for one in self.page.locator("#results a").evaluate_all(titles)]

    def found(self, says: str = "the most similar first") -> list[str]:
        """Wait for an answer, and give the ids of what was found."""
        self.page.locator("#status", has_text=says).wait_for()
        return self.hits

    def loaded(self) -> None:
        """Wait for the pictures within sight."""
        self.page.locator("#results img").first.wait_for()
        until(lambda: not self.page.locator("#results li:first-child.waiting").count())

    def after(self, act: Callable[[], Any]) -> list[str]:
        """Do something by which the page searches, and give what is found."""
        with self.page.expect_response(re.compile("/search$")):
            act()
        return self.found()


def choose(page: Page, path: Path) -> None:
    page.locator("#file").set_input_files(path)


def expected(shop: "Stack", **asked: Any) -> list[str]:
    asked = {"id": FIRST, "k": SHOWN, "exclude_self": True, **asked}
    return [str(hit.id) for hit in Client(shop.url).search(**asked).results]


def answering(*answers: tuple[int, dict[str, str], str]) -> Callable[[Route], None]:
    """Answer searches by these in turn, then as the service does."""
    left = iter(answers)

    def answer(route: Route) -> None:
        for code, headers, kind in islice(left, 1):
            document = {"type": f"urn:lookalike:problem:{kind}", "title": kind, "detail": "Why."}
            route.fulfill(
                status=code, headers=headers, content_type="application/problem+json", json=document
            )
            return
        route.continue_()

    return answer
