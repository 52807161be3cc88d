"""The documents as a site: built strictly, and looked at in a browser."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.browser import DESK, PHONE, Watched
from tests.documents.reading import ROOT


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of requests."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as ``make docs`` does; a broken link or anchor is an error."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_every_page_is_on_it(site: Path) -> None:
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")}
    assert pages <= {page.stem for page in site.glob("*.html")}
    front = (site / "index.html").read_text()
    assert all(f'href="{name}.html"' in front for name in pages - {"index"})


@pytest.mark.parametrize("name", ["index", "errors", "benchmarks"])
def test_a_page_has_nothing_from_elsewhere_and_suits_a_phone(
    served: str, page: Watched, name: str
) -> None:
    page.page.goto(f"{served}/{name}.html")
    for size in (PHONE, DESK):
        page.show(size)
        assert page.overflow() == []
    page.screenshot(name)
    assert all(url.startswith(served) for url in page.requested)
    assert page.problems == []


def test_its_search_finds_a_page(served: str, page: Watched) -> None:
    page.show(DESK)
    page.page.goto(f"{served}/index.html")
    page.page.get_by_role("textbox", name="Search").click()
    page.page.keyboard.type("quarantine")
    page.page.locator(".md-search-result__item").first.wait_for()
    assert all(url.startswith(served) for url in page.requested)
