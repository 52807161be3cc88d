"""What the client of the search service asks, as it travels: the other side of answers.py."""

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from lookalike.answers import QueryVector

IMAGE = "/image"
# What a picture may be given as.
BYTES = (bytes, bytearray, memoryview)


def search_body(
    picture: bytes | None,
    name: str | None,
    vector: ArrayLike | QueryVector | None,
    url: str | None,
    parameters: Any,
) -> dict[str, Any]:
    """Put a search together, of what is given of each.

    Args:
        picture: an encoded file, its bytes.
        name: id of a picture of the index.
        vector: ``float32[d]``, or what an earlier answer gave.
        url: of a picture.
        parameters: all else, by name.

    Raises:
        TypeError: ``picture`` is something other than bytes.
    """
    sources: dict[str, Any] = {
        "image": None if picture is None else {"b64": picture_bytes(picture)},
        "id": name,
        "vector": None if vector is None else _vector(vector),
        "url": url,
    }
    return {**{what: given for what, given in sources.items() if given is not None}, **parameters}


def body_of(query: Mapping[str, Any]) -> dict[str, Any]:
    """Put a search of a batch together; as :func:`search_body`."""
    parameters = dict(query)
    names = ("picture", "id", "vector", "url")
    picture, name, vector, url = (parameters.pop(what, None) for what in names)
    return search_body(picture, name, vector, url, parameters)


def encoded(document: Any) -> bytes:
    """Write JSON, of numbers of NumPy too.

    Raises:
        TypeError: there is something in it that JSON cannot tell.
        ValueError: there is a number that it cannot tell: NaN, or an infinite one.
    """
    plain = msgspec.to_builtins(document, builtin_types=BYTES, enc_hook=_plain)
    _demand_finite(plain)
    return msgspec.json.encode(plain)


def path_of(name: str) -> str:
    """Give the path of a picture; an id that ends as paths of images do is told from those."""
    path = quote(name)
    ends_so = path.endswith(IMAGE)
    return f"/pictures/{path.removesuffix(IMAGE)}%2Fimage" if ends_so else f"/pictures/{path}"


def url_parameters(given: Mapping[str, Any]) -> str:
    """Write parameters of a URL; None is what is not given, and no text."""
    return urlencode({name: value for name, value in given.items() if value is not None})


def picture_bytes(picture: bytes) -> bytes:
    """Refuse what is opened or read first, since a path would be taken for base64.

    Raises:
        TypeError: it is no bytes.
    """
    if isinstance(picture, BYTES):
        return picture
    raise TypeError(
        f"a picture is the bytes of its file, as Path(…).read_bytes() gives them, and no "
        f"{type(picture).__name__}"
    )


def _vector(vector: ArrayLike | QueryVector) -> QueryVector:
    if isinstance(vector, QueryVector):
        return vector
    return QueryVector(np.asarray(vector, "<f4").tobytes())


def _demand_finite(plain: object) -> None:
    """Refuse what JSON has no word for: it would travel as null, which means something else."""
    if isinstance(plain, float) and not math.isfinite(plain):
        raise ValueError(f"{plain} is no number that JSON can tell")
    if isinstance(plain, dict):
        plain = list(plain.values())
    if isinstance(plain, list | tuple):
        for one in plain:
            _demand_finite(one)


def _plain(value: object) -> object:
    """Write a number of NumPy, such as one of a data frame, as what it is."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is nothing that JSON can tell")
