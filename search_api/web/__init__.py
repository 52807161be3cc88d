"""The pages for people, to search on and to operate: plain files, sent as they are.

They ask their own service alone, by paths relative to the page, and nothing of a picture or of
an answer is ever read as HTML.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from lookalike.errors import NotFound

FOLDER = Path(__file__).parent
MEDIA_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "connect-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        # The icon; pictures come through scripts, which send the key.
        "img-src 'self' blob:",
        "require-trusted-types-for 'script'",
    )
)


class Asset(msgspec.Struct, frozen=True):
    """A file of the page: what it is, and a tag that changes with it."""

    data: bytes
    media_type: str
    tag: str


@cache
def assets() -> Mapping[str, Asset]:
    """Read all of them, by name; once, and not by the event loop."""
    files = [path for path in FOLDER.iterdir() if path.suffix in MEDIA_TYPES]
    return {path.name: _read(path) for path in files}


def asset(name: str) -> Asset:
    """Give a file.

    Raises:
        NotFound: there is none of this name.
    """
    found = assets().get(name)
    if found is None:
        raise NotFound("no page has such a file")
    return found


def _read(path: Path) -> Asset:
    data = path.read_bytes()
    tag = hashlib.sha256(data).hexdigest()[:16]
    return Asset(data, MEDIA_TYPES[path.suffix], tag)
