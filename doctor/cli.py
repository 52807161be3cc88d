"""``lookalike doctor``; imports nothing heavy before it runs."""

import sys

import click

MARKS = {"ok": "ok     ", "warning": "warning", "wrong": "WRONG  "}
COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}
SOMETHING_WRONG = 9


@click.command()
@click.option("--url", help="A search service to look at; http://LOOKALIKE_BIND by default.")
@click.option("--deep", is_flag=True, help="Read every file of the index against its digest.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(url: str | None, deep: bool, as_json: bool) -> None:
    """Look at this installation, its store and its servers, and say what is wrong and what to do.

    Warnings alone leave the exit status at 0; anything that is wrong makes it 9.
    """
    import msgspec

    from doctor.examine import examine

    findings = []
    for finding in examine(url, deep=deep):
        findings.append(finding)
        if as_json:
            continue
        mark = click.style(MARKS[finding.state], fg=COLOURS[finding.state])
        click.echo(f"{mark}  {finding.check}: {finding.said}")
        if finding.advice:
            click.echo(f"         → {finding.advice}")
    if as_json:
        click.echo(msgspec.json.encode(findings))
    wrong = sum(finding.state == "wrong" for finding in findings)
    if wrong:
        sys.exit(SOMETHING_WRONG)
