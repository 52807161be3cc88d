"""``lookalike doctor``; imports nothing heavy before it runs."""

import json
import sys

import click

MARKS = {"ok": "ok     ", "warning": "warning", "wrong": "WRONG  "}
COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}
SOMETHING_WRONG = 9
REINSTALL = "install lookalike anew, with all that it requires"


@click.command()
@click.option("--url", help="A search service to look at; http://LOOKALIKE_BIND by default.")
@click.option("--deep", is_flag=True, help="Read every file of the index against its digest.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
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
    for finding in examine(url, deep=deep):
        findings.append(finding)
        if as_json:
            continue
        _tell(finding.state, finding.check, finding.said, finding.advice)
    if as_json:
        click.echo(msgspec.json.encode(findings))
    wrong = sum(finding.state == "wrong" for finding in findings)
    if wrong:
        sys.exit(SOMETHING_WRONG)


def _tell(state: str, check: str, said: str, advice: str) -> None:
    mark = click.style(MARKS[state], fg=COLOURS[state])
    click.echo(f"{mark}  {check}: {said}")
    if advice:
        click.echo(f"         → {advice}")


def _tell_of_ruin(error: ImportError, *, as_json: bool) -> None:
    """Say what the doctor itself lacks, without what it lacks."""
    found = {"check": "packages", "state": "wrong", "said": str(error), "advice": REINSTALL}
    if as_json:
        click.echo(json.dumps([{**found, "type": None}]))
    else:
        _tell(**found)
