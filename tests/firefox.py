"""Debian's Firefox, driven by Mozilla's Marionette: here is seen what only Chromium forgives."""

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.debian import libraries, unpacked
from tests.services import until

PACKAGE = "firefox-esr"
PROGRAM = Path("usr/lib/firefox-esr/firefox-esr")
# What the page and its policy complain of goes to the log, and nothing is asked of the internet.
PREFERENCES = {"devtools.console.stdout.content": True, "network.dns.disabled": True}
SECONDS = 30
SIDES = ("width", "height")
ITS_OWN = "resource://"  # scripts of Firefox itself
COMPLAINTS = ("JavaScript error", "console.error", "Content-Security-Policy")


class Window:
    """A window of Firefox."""

    def __init__(self, driven: Any, log: Path) -> None:
        self._driven, self._log = driven, log

    @property
    def problems(self) -> list[str]:
        """Lines of the log in which scripts, or the policy, complain."""
        lines = self._log.read_text(errors="replace").splitlines()
        told = [line for line in lines if any(one in line for one in COMPLAINTS)]
        return [line for line in told if ITS_OWN not in line]

    def open(self, url: str) -> None:
        self._driven.navigate(url)

    def back(self) -> None:
        self._driven.go_back()

    def reload(self) -> None:
        self._driven.refresh()

    def resize(self, width: int, height: int) -> None:
        self._driven.set_window_rect(width=width, height=height)

    def told(self, program: str) -> Any:
        """Give the value of an expression in the page."""
        return self._driven.execute_script(f"return {program}", sandbox=None)

    def choose(self, selector: str, path: Path) -> None:
        """Choose a file in a field for files, as the dialogue would."""
        self._one(selector).send_keys(str(path))

    def click(self, selector: str) -> None:
        self._one(selector).click()

    def press_button(self, words: str) -> None:
        """Press the first button that says some words."""
        path = f"//button[contains(normalize-space(.), '{words}')]"
        self._driven.find_element("xpath", path).click()

    def drag(self, selector: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag the mouse over an element, between two shares of its width and height."""
        element = self._one(selector)
        place = element.rect

        def at(share: tuple[float, float]) -> dict[str, int]:
            x, y = ((part - 0.5) * place[side] for part, side in zip(share, SIDES, strict=True))
            return {"x": round(x), "y": round(y)}  # from the middle

        mouse = self._driven.actions.sequence("pointer", "mouse", {"pointerType": "mouse"})
        mouse.pointer_move(**at(start), origin=element).pointer_down()
        mouse.pointer_move(**at(end), origin=element, duration=200).pointer_up().perform()

    def violations(self) -> list[str]:
        """Name the rules of axe-core that the page breaks."""
        axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
        self._driven.execute_script(axe, sandbox=None)
        found: list[str] = self._driven.execute_async_script(
            "const [done] = arguments;"
            "axe.run().then((all) => done(all.violations.map((one) => one.id)));",
            sandbox=None,
        )
        return found

    def until(self, condition: Callable[[], object], what: str) -> None:
        until(condition, SECONDS, what)

    def _one(self, selector: str) -> Any:
        return self._driven.find_element("css selector", selector)


@contextmanager
def firefox(cache: Path, folder: Path) -> Iterator[Window]:
    """Run Firefox without a window on any screen; its files lie in ``folder``.

    Args:
        cache: where it is unpacked, where none is on the PATH.
        folder: of this run.
    """
    program, environment = _found(cache)
    log = folder / "firefox.log"
    with pytest.MonkeyPatch.context() as patch:
        # Marionette hands its own environment on.
        for name, value in {**environment, "HOME": str(folder)}.items():
            patch.setenv(name, value)
        driven = _marionette(
            bin=str(program),
            port=0,
            headless=True,
            gecko_log=str(log),
            prefs=PREFERENCES,
            workspace=str(folder),
        )
        driven.start_session()
        driven.timeout.implicit = SECONDS  # until there is what is to be clicked
        driven.instance.profile.create_new = False  # it would be removed as Python ends, too late
        try:
            yield Window(driven, log)
        finally:
            driven.quit()
            driven.cleanup()


def _marionette(**arguments: Any) -> Any:
    with warnings.catch_warnings():
        # Of a library of its own, as it is imported.
        warnings.simplefilter("ignore", DeprecationWarning)
        from marionette_driver.marionette import Marionette  # type: ignore[import-untyped]

    return Marionette(**arguments)


def _found(cache: Path) -> tuple[Path, dict[str, str]]:
    for name in (PACKAGE, "firefox"):
        if (found := shutil.which(name)) is not None:
            return Path(found), {}
    root = unpacked(PACKAGE, cache, lambda root: os.access(root / PROGRAM, os.X_OK))
    return root / PROGRAM, libraries(root)
