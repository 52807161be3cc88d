"""The settings, made of the struct that they are read into."""

import inspect
import typing
from pathlib import Path
from typing import Any

import msgspec

from lookalike.settings import PREFIX, Settings

HEAD = """# Settings

Every program reads its settings from the environment, once, when it starts. A flag of
the same meaning goes before a variable. This page is generated from
`lookalike/settings.py` by `python -m reference`. `LOOKALIKE_KEY` is none of them: it is the API key
that `lookalike search` and `lookalike torture` send.

| variable | default | what it is |
|---|---|---|
"""


def settings_page() -> str:
    """Render the settings, in the order of their definition, as a Markdown page."""
    hints = typing.get_type_hints(Settings, include_extras=True)
    rows = (
        f"| `{PREFIX}{field.name.upper()}` | {_default(field.default)} "
        f"| {_description(hints[field.name])} |\n"
        for field in msgspec.structs.fields(Settings)
    )
    return HEAD + "".join(rows)


def _description(annotation: Any) -> str:
    metas = (meta for meta in annotation.__metadata__ if isinstance(meta, msgspec.Meta))
    return inspect.cleandoc(next(meta.description for meta in metas if meta.description))


def _default(value: object) -> str:
    text = str(value)
    if text.startswith(home := f"{Path.home()}/"):
        text = f"~/{text.removeprefix(home)}"
    return f"`{text}`" if text else "empty"
