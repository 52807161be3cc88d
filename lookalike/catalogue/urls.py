"""Where things are: telling URLs from paths, and naming a place without its secrets."""

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
FILE = "file:"


def scheme_of(uri: str) -> str:
    """Give a URL's scheme in lower case, ``file`` for file URLs, and ``""`` for a path."""
    if is_file(uri):
        return "file"
    found = SCHEME.match(uri)
    return found[1].lower() if found else ""


def is_file(uri: str) -> bool:
    """Tell whether a URL is a file's: asked of each hit of a search, so not by a pattern."""
    return uri[: len(FILE)].lower() == FILE


def local_path(uri: str) -> str | None:
    """Give the path of a file URL or of an absolute path; None for any other URL.

    Raises:
        OSError: the path is relative, or no path that a file system can have.
    """
    scheme = scheme_of(uri)
    if scheme not in ("", "file"):
        return None
    try:
        path = uri if scheme == "" else os.fsdecode(unquote_to_bytes(urlsplit(uri).path))
    except ValueError as error:
        raise OSError(f"{uri!r} is no URL: {error}") from error
    if not path.startswith("/") or "\0" in path:
        raise OSError(f"{uri!r} is neither a URL nor an absolute path")
    return path


def redacted(url: str) -> str:
    """Spell a URL for messages: no user names or passwords, no query of a web address.

    A password that was not percent-encoded may hold any character, so all up to the last
    ``@`` goes.
    """
    found = SCHEME.match(url)
    if found is None:
        return url
    before, at, after = url[found.end() :].rpartition("@")
    rest = f"***@{after}" if at and ":" in before else before + at + after
    return without_query(found[0] + rest)


def without_query(url: str) -> str:
    """Cut the query off a web address; elsewhere a question mark is a character like any other."""
    return url.partition("?")[0] if _is_web(url) else url


def _is_web(url: str) -> bool:
    return scheme_of(url) in ("http", "https")


def absolute_uri(uri: str, base: str) -> str:
    """Spell a place as a URI: ``uri`` itself, a local path, or a path relative to ``base``.

    The scheme of files comes in lower case, however it is spelt.

    Args:
        uri: a URL, an absolute path, or a relative path with forward slashes. It is a file's
            name as it is, which a web address has percent-encoded.
        base: the folder that relative paths start from: an absolute path, or a URL.

    Raises:
        ValueError: ``uri`` is relative and there is no base.
    """
    if is_file(uri):
        return FILE + uri[len(FILE) :]
    if scheme_of(uri):
        return uri
    if uri.startswith("/"):
        return Path(uri).as_uri()
    if not base:
        raise ValueError("a relative path, and nothing that it is relative to")
    if scheme_of(base):
        return _joined(base, uri)
    return Path(os.path.normpath(f"{base}/{uri}")).as_uri()


def _joined(base: str, relative: str) -> str:
    """Follow ``.`` and ``..`` as far as the bucket or host."""
    found = SCHEME.match(base)
    start = found.end() if found else 0
    host, *folders = base[start:].rstrip("/").split("/")
    # "%", "#" and "?" mean something in a web address, and nothing in a file's name.
    spelt = quote(relative) if _is_web(base) else relative
    for part in spelt.split("/"):
        if part == "..":
            folders = folders[:-1]
        elif part != ".":
            folders.append(part)
    return base[:start] + "/".join([host, *folders])
