"""The documents as a site: built strictly, whole without a network, fit for everybody to read."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from tests.browser import DESK, PHONE, Watched
from tests.documents.reading import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT / "docs").with_suffix("").as_posix()
    for path in (ROOT / "docs").rglob("*.md")
)
# Commands, the first page, and one of tables and pictures; the others are opened by make test-all.
SHOWN = ("cli", "index", "observability")
# The theme's names.
SCHEMES = {"light": "default", "dark": "slate"}
# What a page loads by itself. An anchor is followed by people, and may lead anywhere.
LOADED = {
    "audio": "src", "embed": "src", "iframe": "src", "img": "src", "link": "href",
    "object": "data", "script": "src", "source": "src", "video": "src",
}  # fmt: skip
STYLE = re.compile(r"(?:@import\s*|url\(\s*)[\"']?([^\"')\s]+)")


def build(project: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the documents of a project, as ``make docs`` does."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)],
        cwd=project,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    finished = build(ROOT, folder)
    assert finished.returncode == 0, finished.stderr
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, without a line for each."""

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Loads(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.found += [held.get(LOADED.get(tag, "")) or "", *STYLE.findall(held.get("style") or "")]

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.found += STYLE.findall(data)


def loads(page: str) -> list[str]:
    reader = Loads()
    reader.feed(page)
    return [url for url in reader.found if url]


def elsewhere(urls: list[str]) -> list[str]:
    return [url for url in urls if urlsplit(url).netloc]


def pages(built: Path) -> list[Path]:
    return sorted(built.rglob("*.html"))


def test_there_is_a_page_of_every_document(built: Path) -> None:
    made = {path.relative_to(built).with_suffix("").as_posix() for path in pages(built)}
    assert made == {*DOCUMENTS, "404"}


@pytest.mark.parametrize(
    ("sentence", "complaint"),
    [
        ("[lost](nowhere.md)", "nowhere.md"),
        ("[lost](errors.md#no-such-error)", "no-such-error"),
        ("[lost](#no-such-heading)", "no-such-heading"),
    ],
)
def test_a_broken_link_or_anchor_fails_the_build(
    tmp_path: Path, sentence: str, complaint: str
) -> None:
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    with (tmp_path / "docs" / "filters.md").open("a") as page:
        page.write(f"\n{sentence}\n")
    finished = build(tmp_path, tmp_path / "built")
    assert finished.returncode != 0
    assert complaint in finished.stderr


def test_a_page_that_nothing_leads_to_fails_the_build(tmp_path: Path) -> None:
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "docs" / "orphan.md").write_text("# Orphan\n")
    finished = build(tmp_path, tmp_path / "built")
    assert finished.returncode != 0
    assert "orphan.md" in finished.stderr


def test_no_page_and_no_style_loads_anything_from_elsewhere(built: Path) -> None:
    found = {
        **{page: loads(page.read_text()) for page in pages(built)},
        **{style: STYLE.findall(style.read_text()) for style in built.rglob("*.css")},
    }
    assert any(found.values())
    assert {path: bad for path, urls in found.items() if (bad := elsewhere(urls))} == {}


def test_what_would_be_loaded_from_elsewhere_is_found() -> None:
    page = """<link href="//fonts.example/a.css"><script src="https://cdn.example/a.js"></script>
    <style>@import "https://styles.example/b.css"; p {background: url(http://c.example/c.png)}</style>
    <img src="near.png"><a href="https://far.example">for people</a>"""
    assert [urlsplit(url).netloc for url in elsewhere(loads(page))] == [
        "fonts.example",
        "cdn.example",
        "styles.example",
        "c.example",
    ]


@pytest.mark.parametrize(
    "name",
    [
        *SHOWN,
        *(pytest.param(name, marks=pytest.mark.long) for name in DOCUMENTS if name not in SHOWN),
    ],
)
def test_a_page_fits_a_desk_and_a_phone_and_suits_everybody(
    page: Watched, address: str, name: str
) -> None:
    for size, scheme in ((DESK, "light"), (PHONE, "dark")):
        page.show(size, scheme)
        page.page.goto(f"{address}/{name}.html")
        page.page.evaluate("localStorage.clear()")  # the scheme that was chosen before
        page.page.reload()
        assert page.page.locator("body").get_attribute("data-md-color-scheme") == SCHEMES[scheme]
        page.page.screenshot(path=page.kept(f"{scheme}.png"))
        assert page.overflow() == []
        assert page.violations() == []
    assert page.problems == []
    assert all(url.startswith(address) for url in page.requested)


def test_search_finds_a_sentence_without_a_network(page: Watched, address: str) -> None:
    page.page.goto(f"{address}/index.html")
    page.page.get_by_role("textbox", name="Search").click()
    page.page.keyboard.type("tombstones")
    found = page.page.locator(".md-search-result__link", has_text="Indexing").first
    found.wait_for()
    found.click()
    page.page.wait_for_url("**/indexing.html**")
    assert all(url.startswith((address, "blob:")) for url in page.requested)
    assert page.problems == []
