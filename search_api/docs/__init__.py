"""The page that shows the OpenAPI document: one file, without anything from elsewhere.

Its style and its module stand within it, so that one request gets all of it, and are
allowed by their digests alone.
"""

import hashlib
from base64 import b64encode
from functools import cache
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent


class Page(msgspec.Struct, frozen=True):
    """The page, and the Content-Security-Policy under which it works."""

    html: bytes
    policy: str


@cache
def page() -> Page:
    """Put the page together."""
    html, style, script = (
        (FOLDER / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    policy = (
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
        # It asks this service alone, and shows the pictures that come of that.
        "connect-src 'self'; img-src blob:; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )
    made = html.replace("{style}", style).replace("{script}", script)
    return Page(made.encode(), policy)


def _digest(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
