"""The corpus as files, for other programs to be tested with."""

import json
from collections.abc import Sequence
from pathlib import Path

from torture.case import Case

INDEX = "index.json"


def write(cases: Sequence[Case], folder: Path) -> None:
    """Write each case's bytes, and ``index.json``: file, reason and outcomes of each.

    Pictures end in ``.bin``, since no name is to be believed; whole requests in ``.http``.
    """
    for case in cases:
        path = folder / _name(case)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(case.make())
    entries = [
        {
            "file": _name(case),
            "why": case.why,
            "expected": [outcome._asdict() for outcome in sorted(case.expected, key=str)],
        }
        for case in cases
    ]
    (folder / INDEX).write_text(json.dumps(entries, indent=1))


def _name(case: Case) -> str:
    return f"{case.name}{case.suffix}"
