"""What to do about each alert, made of the alerts' own annotations."""

import re
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parents[1] / "k8s" / "components" / "monitoring" / "rules.yaml"
# Alerts name a page by its place in the repository.
PAGE = re.compile(r"\bdocs/([\w-]+\.md)(#[\w-]+)?")
HEAD = """# Runbooks

A section for each alert of `k8s/components/monitoring`, which says the same where it arrives: this
page is generated from its annotations by `python -m reference`. Commands that begin with
`lookalike` run in the toolbox ([deploy.md](deploy.md)).
"""


def runbooks_page() -> str:
    """Render the alerts, in the order of their definition, as a Markdown page."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["spec"]["groups"]
    alerts = [rule for group in groups for rule in group["rules"]]
    return HEAD + "".join(map(_section, alerts))


def _section(rule: dict[str, Any]) -> str:
    told = {name: PAGE.sub(r"[\1](\1\2)", text) for name, text in rule["annotations"].items()}
    what = f"{told['summary']} {told.get('description', '')}".strip()
    return (
        f"\n## {rule['alert']}\n\n{what}\n\n"
        f"- **Look at**: {told['look_at']}\n- **Do**: {told['action']}\n"
    )
