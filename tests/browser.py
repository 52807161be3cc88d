"""A real browser for the tests of pages: what a page asks for, what it complains of, how it looks.

``browser`` is one process a session; ``page`` is a window of its own for each test. Screenshots
are kept in ``build/screenshots`` to be looked at.
"""

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.chromium import chromium

PHONE, DESK = (320, 640), (1280, 900)
# Each size and each scheme once, every day.
LOOKS = [
    pytest.param(DESK, "light", id="desk-light"),
    pytest.param(PHONE, "dark", id="phone-dark"),
    pytest.param(DESK, "dark", id="desk-dark", marks=pytest.mark.long),
    pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.long),
]
# Of a screenshot; Chromium draws hardly more at once.
PIECE = 8000


class Watched:
    """A window, and all that went wrong in it.

    Attributes:
        page: Playwright's.
        problems: errors and warnings of the console, and errors of scripts.
        requested: URLs of all that was asked for, ``data:`` and ``blob:`` left out.
    """

    def __init__(self, page: Page, screenshots: Path) -> None:
        self.page, self._screenshots = page, screenshots
        self.problems: list[str] = []
        self.requested: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._asked)

    def show(self, size: tuple[int, int], scheme: Any = "light") -> None:
        """Make the window so wide and high, in a light or a dark scheme."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.emulate_media(color_scheme=scheme)

    def screenshot(self, name: str) -> list[Path]:
        """Keep what the whole page looks like; a long one in several pieces."""
        width, height = self.page.evaluate(
            "() => [innerWidth, document.documentElement.scrollHeight]"
        )
        paths = []
        for number, top in enumerate(range(0, height, PIECE), start=1):
            path = self.kept(f"{name}-{number}.png")
            piece = {"x": 0, "y": top, "width": width, "height": min(PIECE, height - top)}
            self.page.screenshot(path=path, full_page=True, clip=piece)
            paths.append(path)
        return paths

    def kept(self, name: str) -> Path:
        """Give the path of a file that is kept of this test."""
        self._screenshots.mkdir(parents=True, exist_ok=True)
        return self._screenshots / name

    def overflow(self) -> list[str]:
        """Name what sticks out at the right, so that the page would have to be scrolled there."""
        return list(self.page.evaluate(OVERFLOW))

    def violations(self) -> list[str]:
        """Say what axe-core finds wrong for people who see, hear or move otherwise."""
        self.page.evaluate(_axe())
        found = self.page.evaluate(VIOLATIONS)
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in found
            for node in one["nodes"]
        ]

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.requested.append(request.url)


OVERFLOW = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  const held = (one) => one.parentElement &&
    (getComputedStyle(one.parentElement).overflowX !== "visible" || held(one.parentElement));
  const wide = [...document.body.querySelectorAll("body > *, body > * *")].filter(
    (one) => !held(one) && one.getBoundingClientRect().right > root.clientWidth + 0.5);
  return ["the page", ...wide.slice(0, 5).map((one) => one.outerHTML.slice(0, 120))];
}"""

# Nothing of what is right is brought here: to name each element of it takes axe-core seconds.
VIOLATIONS = """async () => {
  const found = await axe.run({ resultTypes: ["violations"] });
  return found.violations;
}"""


def _axe() -> str:
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def browser(real_cache: Path) -> Iterator[Browser]:
    """Debian's Chromium, without a window on any screen."""
    found = chromium(real_cache)
    with sync_playwright() as playwright:
        # Its own sandbox needs what containers and root have not.
        running = playwright.chromium.launch(
            executable_path=found.program,
            args=["--no-sandbox"],
            env=dict(found.environment),
        )
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A window with nothing in it."""
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    with browser.new_context(reduced_motion="reduce") as context:
        folder = request.config.rootpath / "build" / "screenshots" / name
        yield Watched(context.new_page(), folder)
