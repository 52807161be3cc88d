"""Requests that are hostile themselves: their HTTP, their forms, their JSON, their lies."""

import base64
from collections.abc import Callable, Iterator, Mapping

from lookalike.errors import (
    BadRequest,
    BodyTooLarge,
    CallerGone,
    EmptyPicture,
    ExpectationFailed,
    HeadersTooLarge,
    InvalidFilter,
    InvalidParameter,
    MethodNotAllowed,
    MissingPicture,
    NotAPicture,
    NotFound,
    PictureNotFound,
    TruncatedPicture,
    UnsupportedMediaType,
    UriTooLong,
)
from torture import files
from torture.case import BYTES, READ, Expected, RequestCase, refused
from torture.target import Target

_SEARCH, _BATCH = "/search?k=1", "/search/batch"
_JSON, _FORM = "application/json", "multipart/form-data; boundary=b"
_BROKEN = refused(BadRequest)
_PICTURE = files.encode(files.quadrants(), "JPEG")
_MEBIBYTE = 1 << 20
_PARAMETER = refused(InvalidParameter)

Write = Callable[[Target], bytes]


def requests() -> Iterator[RequestCase]:
    """Give one of each."""
    yield from _heads()
    yield from _types()
    yield from _forms()
    yield from _documents()
    yield from _lengths()


def _heads() -> Iterator[RequestCase]:
    raw: dict[str, tuple[Expected, bytes]] = {
        "no-http": (_BROKEN, b"NONSENSE\r\n\r\n"),
        "version-9": (_BROKEN, b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n"),
        "zero-in-the-path": (_BROKEN, b"GET /healthz\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
        "space-in-a-header-name": (_BROKEN, b"GET /healthz HTTP/1.1\r\nHo st: x\r\n\r\n"),
        "header-without-a-colon": (_BROKEN, b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n"),
        "folded-header": (_BROKEN, b"GET /healthz HTTP/1.1\r\nHost: x\r\n more\r\n\r\n"),
        "control-in-the-method": (_BROKEN, b"GE\1T /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
        "http-2": (_BROKEN, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    }
    for name, (expected, message) in raw.items():
        yield _case(name, "HTTP that is none", expected, _as_it_is(message))
    huge = {
        "header-of-9000-bytes": {"X-Long": "x" * 9000},
        "headers-200": {f"X-{number}": "x" for number in range(200)},
    }
    for name, headers in huge.items():
        yield _case(
            name, "more headers than are read", refused(HeadersTooLarge),
            _got("/healthz", headers),
        )  # fmt: skip
    yield _case(
        "expect-wonders", "an Expect of something that there is not", refused(ExpectationFailed),
        _got("/healthz", {"Expect": "wonders"}),
    )  # fmt: skip
    for name, path, expected in (
        ("path-of-9000-bytes", "/" + "x" * 9000, refused(UriTooLong)),
        ("path-up-and-away", "/../../etc/passwd", refused(NotFound)),
        ("id-up-and-away", "/pictures/..%2f..%2fetc%2fpasswd", refused(PictureNotFound)),
        ("id-of-no-utf-8", "/pictures/%ff%fe%00%80", _BROKEN),
        ("image-size-absurd", "/pictures/x/image?size=99999999999999999999", _PARAMETER),
    ):
        yield _case(name, "a path that leads nowhere", expected,
            _got(path))  # fmt: skip
    yield _case("brew", "a method that there is not", refused(MethodNotAllowed),
        lambda target: target.head("BREW", "/search"))  # fmt: skip


def _types() -> Iterator[RequestCase]:
    for media_type in ("text/html", "image", "application/x-www-form-urlencoded", "\xff/\xfe"):
        yield _sent(
            f"type-{media_type.encode().hex()[:12]}", "a Content-Type that is not read",
            refused(UnsupportedMediaType), media_type, _PICTURE,
        )  # fmt: skip
    for media_type in ("image/png", "image/svg+xml", "IMAGE/JPEG; charset=x", BYTES):
        name = media_type.partition(";")[0].lower().replace("/", "-").replace("+", "-")
        yield _sent(f"jpeg-as-{name}", "the bytes tell the format", READ, media_type, _PICTURE)
    yield _sent("json-of-a-jpeg", "a picture that calls itself JSON", _PARAMETER, _JSON, _PICTURE,
        "/search")  # fmt: skip
    for name, query in (
        ("k-huge", "k=99999999999999999999999999"), ("k-negative", "k=-1"), ("k-word", "k=all"),
        ("k-twice", "k=1&k=2"), ("unknown-parameter", "rm=-rf"), ("box-of-text", "box=left"),
        ("offset-huge", "offset=1e308"),
    ):  # fmt: skip
        yield _sent(
            name, "a parameter that is none", _PARAMETER, BYTES, _PICTURE, f"/search?{query}"
        )
    yield _sent("filter-deep", "a filter nested 5,000 deep",
        refused(InvalidFilter, InvalidParameter, UriTooLong),
        BYTES, _PICTURE, "/search?filter=" + '{"not":' * 500)  # fmt: skip


def _forms() -> Iterator[RequestCase]:
    missing = refused(MissingPicture)
    forms: dict[str, tuple[Expected, bytes]] = {
        "empty": (missing, b""),
        "garbage": (missing, bytes(range(256)) * 40),
        "without-an-end": (missing | READ, _part("image") + _PICTURE),
        "part-without-headers": (missing | _BROKEN, b"--b\r\n\r\n" + _PICTURE + b"\r\n--b--\r\n"),
        "part-of-endless-headers": (missing | _BROKEN | refused(BodyTooLarge),
            b"--b\r\nX: " + b"x" * _MEBIBYTE),
        "picture-twice": (missing, (_part("image") + _PICTURE + b"\r\n") * 2 + b"--b--\r\n"),
        "picture-empty": (refused(EmptyPicture, MissingPicture), _part("image") + b"\r\n--b--\r\n"),
        "picture-elsewhere": (missing, _part("file") + _PICTURE + b"\r\n--b--\r\n"),
        "field-k-twice": (_PARAMETER,
            _part("image") + _PICTURE + (b'\r\n--b\r\nContent-Disposition: form-data; name="k"'
            b"\r\n\r\n1") * 2 + b"\r\n--b--\r\n"),
        "name-up-and-away": (READ, _part("image", "../../../etc/passwd\0.php") + _PICTURE
            + b"\r\n--b--\r\n"),
        "boundary-in-boundary": (missing, b"--b--b--b--b" * 10_000),
        "parts-5000": (missing | refused(BodyTooLarge),
            (_part("x") + b"1\r\n") * 5000 + b"--b--\r\n"),
    }  # fmt: skip
    for name, (expected, body) in forms.items():
        yield _sent(f"form-{name}", "a form that is broken", expected, _FORM, body)
    for name, media_type in (
        ("none", "multipart/form-data"),
        ("empty", "multipart/form-data; boundary="),
        ("long", "multipart/form-data; boundary=" + "b" * 5000),
    ):
        yield _sent(f"boundary-{name}", "a boundary that is none", missing | _BROKEN, media_type,
            _part("image") + _PICTURE + b"\r\n--b--\r\n")  # fmt: skip


def _documents() -> Iterator[RequestCase]:
    picture = base64.b64encode(_PICTURE)
    documents: dict[str, tuple[Expected, bytes]] = {
        "empty": (_PARAMETER, b""),
        "cut-off": (_PARAMETER, b'{"image": {"b64": "' + picture[:99]),
        "deep-lists": (_PARAMETER, b"[" * 100_000),
        "deep-objects": (_PARAMETER, b'{"id":' * 100_000),
        "deep-filter": (refused(InvalidFilter, InvalidParameter),
            b'{"id": "x", "filter": ' + b'{"not":' * 5000 + b"1" + b"}" * 5001),
        "base64-garbage": (_PARAMETER, b'{"image": {"b64": "!!!!"}}'),
        "base64-of-text": (refused(NotAPicture), b'{"image": {"b64": "aGVsbG8="}}'),
        "base64-empty": (refused(EmptyPicture), b'{"image": {"b64": ""}}'),
        "base64-url-letters": (_PARAMETER, b'{"image": {"b64": "_-_-"}}'),
        "picture-and-id": (refused(MissingPicture), b'{"image": {"b64": "aa=="}, "id": "x"}'),
        "number-huge": (_PARAMETER, b'{"id": "x", "k": 1' + b"0" * 5000 + b"}"),
        "number-long": (_PARAMETER, b'{"vector": [1e99999]}'),
        "vector-of-nothing": (_PARAMETER, b'{"vector": []}'),
        "vector-of-nan": (_PARAMETER, b'{"vector": [NaN]}'),
        "vector-of-a-million": (_PARAMETER, b'{"vector": [' + b"0," * 1_000_000 + b"0]}"),
        "no-utf-8": (_PARAMETER, b'{"id": "\xff\xfe"}'),
        "half-a-letter": (_PARAMETER | refused(PictureNotFound), b'{"id": "\\ud800"}'),
        "zero-in-an-id": (_PARAMETER | refused(PictureNotFound), b'{"id": "\\u0000"}'),
        "id-of-a-megabyte": (_PARAMETER | refused(PictureNotFound),
            b'{"id": "' + b"x" * _MEBIBYTE + b'"}'),
        "unknown-member": (_PARAMETER, b'{"id": "x", "__proto__": {"admin": true}}'),
        "a-million-members": (_PARAMETER,
            b"{" + b",".join(b'"m%d":0' % number for number in range(200_000)) + b"}"),
    }  # fmt: skip
    for name, (expected, body) in documents.items():
        yield _sent(f"json-{name}", "JSON that is hostile", expected, _JSON, body, "/search")
    yield _sent("batch-of-65", "one search too many", _PARAMETER, _JSON,
        b'{"queries": [' + b'{"id": "x"},' * 64 + b'{"id": "x"}]}', _BATCH)  # fmt: skip
    yield _sent("batch-of-garbage", "searches that are none, each with its own outcome", READ,
        _JSON, b'{"queries": [1, null, {"id": "x"}, {"image": {"b64": "!"}}]}', _BATCH)  # fmt: skip


def _lengths() -> Iterator[RequestCase]:
    lengths = {"-4": _BROKEN, "abc": _BROKEN, "0x10": _BROKEN, "1, 2": _BROKEN,
        "9" * 20: refused(BodyTooLarge), str(1 << 34): refused(BodyTooLarge)}  # fmt: skip
    for number, (length, expected) in enumerate(lengths.items()):
        yield _case(
            f"length-{number}", f"a Content-Length of {length}", expected,
            _headed({"Content-Length": length}),
            hangs_up=True,
        )  # fmt: skip
    yield _case(
        "length-too-long", "half of the body that is promised, and no more",
        refused(CallerGone, BadRequest),
        _headed({"Content-Length": 99_999}, _PICTURE), hangs_up=True,
    )  # fmt: skip
    yield _case(
        "length-too-short", "more body than is promised: what is over is no request",
        refused(TruncatedPicture), _headed({"Content-Length": 9}, _PICTURE),
    )  # fmt: skip
    yield _case("length-twice", "two lengths", _BROKEN,
        _headed({"Content-Length": "5\r\nContent-Length: 4"}, b"12345"),
    )  # fmt: skip
    yield _case("length-and-chunks", "a length and chunks: proxies would not agree", _BROKEN,
        _headed({"Content-Length": 4, "Transfer-Encoding": "chunked"}, b"0\r\n\r\n"))  # fmt: skip
    yield _case("coding-unknown", "a coding that is none", _BROKEN,
        _headed({"Transfer-Encoding": "wonders"}))  # fmt: skip
    yield _sent("body-of-33-mebibytes", "a body over the limit", refused(BodyTooLarge), BYTES,
        bytes(33 * _MEBIBYTE))  # fmt: skip
    chunks: dict[str, tuple[Expected, bytes]] = {
        "garbage": (_BROKEN, b"zz\r\nabc"),
        "negative": (_BROKEN, b"-5\r\nabc\r\n0\r\n\r\n"),
        "too-long": (_BROKEN, b"3\r\nabcdef\r\n0\r\n\r\n"),
        "bad-trailer": (_BROKEN, b"3\r\nabc\r\n0\r\nno trailer\r\n\r\n"),
        "split": (READ, b"".join(b"1\r\n%c\r\n" % byte for byte in _PICTURE) + b"0\r\n\r\n"),
        "over-the-limit": (refused(BodyTooLarge),
            (b"100000\r\n" + bytes(_MEBIBYTE) + b"\r\n") * 33 + b"0\r\n\r\n"),
    }  # fmt: skip
    for name, (expected, body) in chunks.items():
        yield _case(
            f"chunks-{name}", "a body in chunks that are hostile", expected,
            _headed({"Transfer-Encoding": "chunked"}, body),
        )  # fmt: skip
    yield _case("gzip", "a body that says it is compressed: it is taken as it is",
        refused(NotAPicture),
        _headed({"Content-Encoding": "gzip", "Content-Length": 4}, b"\x1f\x8b\x08\0"))  # fmt: skip


def _as_it_is(message: bytes) -> Write:
    return lambda _: message


def _got(path: str, headers: Mapping[str, str | int] | None = None) -> Write:
    return lambda target: target.head("GET", path, headers)


def _headed(headers: Mapping[str, str | int], body: bytes = b"") -> Write:
    """Write a search with headers of our own about its body."""
    return lambda target: target.head("POST", _SEARCH, {"Content-Type": BYTES, **headers}) + body


def _part(name: str, file: str = "a.jpg") -> bytes:
    return (
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'
    ).encode()


def _sent(
    name: str, why: str, expected: Expected, media_type: str, body: bytes, path: str = _SEARCH
) -> RequestCase:
    return _case(name, why, expected, lambda target: target.request("POST", path, media_type, body))


def _case(
    name: str, why: str, expected: Expected, write: Write, hangs_up: bool = False
) -> RequestCase:
    return RequestCase(f"requests/{name}", why, expected, write, hangs_up)
