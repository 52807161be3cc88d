"""What is hostile to a search is sent to be explained too; and questions that make no sense."""

import json
from collections.abc import Iterator
from functools import partial

from lookalike.errors import (
    BadBox,
    InvalidParameter,
    MethodNotAllowed,
    MissingPicture,
    NotExplainable,
    PictureNotFound,
)
from torture import files
from torture.case import BYTES, Expected, PictureCase, RequestCase, refused
from torture.corpus.bombs import bombs
from torture.target import Target

_JSON = "application/json"
# The model was exported without that, or there is nothing to compare with.
_NOT_HERE = refused(NotExplainable, PictureNotFound)
_PARAMETER = refused(InvalidParameter)
_PICTURE = files.encode(files.quadrants(), "JPEG")
_OUTSIDE = {"left": 2, "top": 0, "right": 3, "bottom": 1}


def explanations() -> Iterator[RequestCase]:
    """Give each bomb as a picture to be explained, and questions of all kinds."""
    for case in bombs():
        name = f"explain/{case.name.replace('/', '-')}"
        yield RequestCase(name, case.why, case.expected | _NOT_HERE, partial(_bomb, case))
    questions: dict[str, tuple[Expected, str]] = {
        "hits-none": (_PARAMETER, '{"id": "x", "hits": []}'),
        "hits-25": (_PARAMETER, json.dumps({"id": "x", "hits": ["x"] * 25})),
        "hits-100000": (_PARAMETER, json.dumps({"id": "x", "hits": ["x"] * 100_000})),
        "hits-of-numbers": (_PARAMETER, '{"id": "x", "hits": [1e308]}'),
        "hit-empty": (_PARAMETER, '{"id": "x", "hits": [""]}'),
        "hit-of-a-mebibyte": (_PARAMETER, json.dumps({"id": "x", "hits": ["x" * (1 << 20)]})),
        "hit-up-and-away": (_NOT_HERE, '{"id": "x", "hits": ["../../etc/passwd"]}'),
        "hit-of-zeros": (_NOT_HERE, json.dumps({"id": "x", "hits": ["\0" * 100]})),
        "without-a-picture": (refused(MissingPicture), '{"hits": ["x"]}'),
        "two-pictures": (
            refused(MissingPicture),
            '{"hits": ["x"], "id": "x", "image": {"b64": ""}}',
        ),
        "box-of-nan": (_PARAMETER, '{"id": "x", "hits": ["x"], "box": {"left": NaN}}'),
        "box-outside": (
            _NOT_HERE | refused(BadBox),
            json.dumps({"id": "x", "hits": ["x"], "box": _OUTSIDE}),
        ),
        "vector": (_PARAMETER, '{"hits": ["x"], "vector": [1, 2]}'),
        "deep": (_PARAMETER, '{"hits":' * 5000),
    }
    for name, (expected, body) in questions.items():
        write = partial(_question, body.encode())
        yield RequestCase(f"explain/{name}", "a question that makes no sense", expected, write)
    yield RequestCase(
        "explain/hits-of-no-json", "hits in the URL that are no JSON", _PARAMETER, _no_json
    )
    yield RequestCase("explain/got", "a question without a body", refused(MethodNotAllowed), _got)


def _bomb(case: PictureCase, target: Target) -> bytes:
    return target.request("POST", target.explanation, BYTES, case.make())


def _question(body: bytes, target: Target) -> bytes:
    return target.request("POST", "/explain", _JSON, body)


def _no_json(target: Target) -> bytes:
    return target.request("POST", "/explain?hits=[all", BYTES, _PICTURE)


def _got(target: Target) -> bytes:
    return target.head("GET", "/explain")
