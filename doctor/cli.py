"""``lookalike doctor``; imports nothing heavy before it runs."""

import json
import sys
from typing import TYPE_CHECKING

import click

from lookalike.flags import json_flag

if TYPE_CHECKING:
    from doctor.finding import Finding

MARKS = {"ok": "ok     ", "warning": "warning", "wrong": "WRONG  "}
COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}
ARROW = "→"
SOMETHING_WRONG = 9
REINSTALL = "install lookalike anew, with all that it requires"


@click.command()
@click.option("--url", help="A search service to look at; http://LOOKALIKE_BIND by default.")
@click.option("--deep", is_flag=True, help="Read every file of the index against its digest.")
@json_flag("the findings")
def doctor(url: str | None, deep: bool, as_json: bool) -> None:
    """Look at this installation, its store and its servers, and say what is wrong and what to do.

    Warnings alone leave the exit status at 0; anything that is wrong makes it 9.
    """
    try:
        import msgspec

        from doctor.examine import examine
    except ImportError as error:  # what the doctor itself is made of
        _tell_of_ruin(error, as_json=as_json)
        sys.exit(SOMETHING_WRONG)

    findings = []
    for finding in map(_plain, examine(url, deep=deep)):
        findings.append(finding)
        if not as_json:
            _tell(finding.state, finding.check, finding.said, finding.advice)
    if as_json:
        click.echo(msgspec.json.encode(findings))
    if any(finding.state == "wrong" for finding in findings):
        sys.exit(SOMETHING_WRONG)


def _plain(finding: "Finding") -> "Finding":
    """Make text of paths with bytes that are none."""
    from msgspec.structs import replace

    said, advice = (_encodable(text, "utf-8") for text in (finding.said, finding.advice))
    return replace(finding, said=said, advice=advice)


def _tell(state: str, check: str, said: str, advice: str) -> None:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # there may be no output at all
    mark = click.style(MARKS[state], fg=COLOURS[state])
    click.echo(_encodable(f"{mark}  {check}: {said}", encoding))
    if advice:
        arrow = ARROW if _encodable(ARROW, encoding) == ARROW else "->"
        click.echo(_encodable(f"         {arrow} {advice}", encoding))


def _encodable(text: str, encoding: str) -> str:
    """Put escapes in the place of what an encoding has no bytes for."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _tell_of_ruin(error: ImportError, *, as_json: bool) -> None:
    """Say what the doctor itself lacks, without what it lacks."""
    found = {"check": "packages", "state": "wrong", "said": str(error), "advice": REINSTALL}
    if as_json:
        click.echo(json.dumps([{**found, "type": None}]))
    else:
        _tell(**found)
