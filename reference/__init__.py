"""Pages of docs/ that are made of code, so that they say what it does.

``python -m reference`` writes them; a test holds what is in git against what they would be.
docs/errors.md is written by hand, since there is more to say of an error than its title: a test
holds it against the error tree.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from reference.cli import cli_page
from reference.error_types import error_types_page
from reference.http_api import http_api_page
from reference.metrics import metrics_page
from reference.runbooks import runbooks_page
from reference.settings import settings_page

DOCS = Path(__file__).parents[1] / "docs"
PAGES: Mapping[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "error_types.md": error_types_page,
    "http_api.md": http_api_page,
    "metrics.md": metrics_page,
    "runbooks.md": runbooks_page,
    "settings.md": settings_page,
}
