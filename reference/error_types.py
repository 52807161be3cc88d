"""The errors' types, made of their classes."""

import inspect
from collections.abc import Iterator

from lookalike import errors
from lookalike.errors import LookalikeError

HEAD = """# Types of errors

Every `type` of a problem document, which is that of an error of the command line too. This page
is generated from `lookalike/errors.py` by `python -m reference`. What each means and what to do
is told in [errors.md](errors.md), and which path answers which in [http_api.md](http_api.md).

| type | title | HTTP status | exit code |
|---|---|---|---|
"""


def error_types_page() -> str:
    """Render the types, in the order of their definition, as a Markdown page."""
    return HEAD + "".join(
        f"| [`{kind.type}`](errors.md#{kind.type}-{kind.status}) | {kind.title} "
        f"| {kind.status} | {kind.exit_code} |\n"
        for kind in _kinds()
    )


def _kinds() -> Iterator[type[LookalikeError]]:
    defined = vars(errors).values()
    return (one for one in defined if inspect.isclass(one) and issubclass(one, LookalikeError))
