import inspect
import re
from pathlib import Path

from demo.processes import StageFailed
from doctor.cli import SOMETHING_WRONG
from lookalike import errors
from lookalike.cli import INTERRUPTED
from lookalike.client import ServiceError
from lookalike.errors import LookalikeError

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"
CLASSES = [
    item
    for _, item in inspect.getmembers(errors, inspect.isclass)
    if issubclass(item, LookalikeError)
]


def test_every_error_has_a_type_of_its_own() -> None:
    types = [item.type for item in CLASSES]
    assert len(set(types)) == len(types)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in types)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", inspect.getdoc(errors) or ""))
    assert drawn == {item.__name__ for item in CLASSES} - {"LookalikeError"}


def test_every_type_has_its_paragraph_in_the_documents() -> None:
    sections = re.findall(r"^### `([a-z-]+)` \((\d+)\)$", DOCUMENT.read_text(), re.MULTILINE)
    documented = {name: int(status) for name, status in sections}
    assert documented == {item.type: item.status for item in CLASSES}


def test_every_exit_code_has_its_row_in_the_documents() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", DOCUMENT.read_text(), re.MULTILINE)}
    raised = {item.exit_code for item in (*CLASSES, ServiceError, StageFailed)}
    assert told == raised | {INTERRUPTED, SOMETHING_WRONG}
