"""A report as people and programs read it."""

from collections.abc import Iterator
from typing import Any

from torture.case import kind_of
from torture.run import Report, Verdict

MOST_NAMED = 40


def table(report: Report) -> str:
    """Draw a row a kind, then name every case that went wrong, the slowest first."""
    wrong = [verdict for verdict in report.verdicts if verdict.wrong]
    wrong.sort(key=lambda verdict: -verdict.answer.seconds)
    lines = [*_rows(report.verdicts), "", *_named(wrong), *report.wrong, _summary(report)]
    return "\n".join(lines)


def document(report: Report) -> dict[str, Any]:
    """Give the report as what JSON is made of."""
    return {
        "passed": report.passed,
        "wrong": report.wrong,
        "peak_memory_bytes": report.workers.most_bytes if report.workers else None,
        "cases": [
            {
                "name": verdict.case.name,
                "why": verdict.case.why,
                "status": verdict.answer.outcome.status,
                "problem": verdict.answer.outcome.problem,
                "seconds": round(verdict.answer.seconds, 4),
                "wrong": verdict.wrong,
            }
            for verdict in report.verdicts
        ],
    }


def _rows(verdicts: list[Verdict]) -> Iterator[str]:
    yield f"{'kind':12} {'cases':>6} {'as expected':>12} {'slowest':>9}  by"
    for kind in dict.fromkeys(kind_of(verdict.case) for verdict in verdicts):
        yield _row(kind, [verdict for verdict in verdicts if kind_of(verdict.case) == kind])
    yield _row("all", verdicts)


def _row(name: str, verdicts: list[Verdict]) -> str:
    right = sum(not verdict.wrong for verdict in verdicts)
    slowest = max(verdicts, key=lambda verdict: verdict.answer.seconds)
    by = slowest.case.name.partition("/")[2]
    return f"{name:12} {len(verdicts):6} {right:12} {slowest.answer.seconds:7.2f} s  {by}"


def _named(wrong: list[Verdict]) -> Iterator[str]:
    for verdict in wrong[:MOST_NAMED]:
        yield f"{verdict.case.name}: {verdict.wrong} ({verdict.case.why})"
    if len(wrong) > MOST_NAMED:
        yield f"and {len(wrong) - MOST_NAMED} more"


def _summary(report: Report) -> str:
    if report.workers is None:
        seen = "the workers cannot be seen: /metrics tells nothing of them"
    else:
        count, peak = len(report.workers.started), report.workers.most_bytes / 1e6
        seen = f"{count} workers, at most {peak:,.0f} MB of memory"
    return f"{'passed' if report.passed else 'FAILED'}; {seen}"
