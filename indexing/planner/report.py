"""A plan in words: what it takes, then what was measured here and what is assumed."""

from collections.abc import Iterator

import msgspec

from indexing.planner.attributes import Columns
from indexing.planner.figures import Figure
from indexing.planner.memory import Memory
from indexing.planner.plan import Plan
from indexing.planner.quantities import byte_text, hour_text
from lookalike.index import SearchParameters

LABEL_WIDTH = 12


def lines(plan: Plan) -> Iterator[str]:
    """Give a plan line by line."""
    yield _title(plan)
    yield ""
    yield from _needs(plan)
    for measured, title in ((True, "measured on this machine"), (False, "assumed")):
        figures = [figure for figure in plan.figures.values() if figure.measured == measured]
        if figures:
            yield ""
            yield f"{title}:"
            yield from map(_figure, figures)
    yield ""
    yield "and besides:"
    yield from (f"  {note}" for note in plan.notes)


def _title(plan: Plan) -> str:
    asked = plan.request
    rate = asked.queries_per_second
    queries = "" if rate is None else f", {rate:,g} queries a second"
    return (
        f"{asked.pictures:,} pictures{_attributes(asked.attributes)}, "
        f"recall@10 {asked.recall:g}, p95 {asked.p95_ms:g} ms{queries}"
    )


def _attributes(columns: Columns) -> str:
    counts = msgspec.structs.asdict(columns)
    kinds = ", ".join(f"{kind} {count}" for kind, count in counts.items() if count)
    return f" with attributes ({kinds})" if kinds else ""


def _needs(plan: Plan) -> Iterator[str]:
    memory, disk, serving, extraction = plan.memory, plan.disk, plan.serving, plan.extraction
    per_shard = plan.request.pictures / plan.shards
    of_shards = f", about {per_shard:,.0f} vectors each" if plan.shards > 1 else ""
    yield _line("index", f"{plan.factory}{_effort(plan.search)}")
    yield _line("shards", f"{plan.shards}{of_shards}")
    yield _line(
        "memory",
        f"{byte_text(memory.total)} a replica{_verdict(memory.fits, 'fits', 'DOES NOT FIT')}: "
        f"index {byte_text(memory.index)}, rows {byte_text(memory.rows)}, "
        f"attributes {byte_text(memory.attributes)}{_selections(memory)}, "
        f"workers {byte_text(memory.workers)}; {byte_text(memory.while_swapping)} during a swap",
    )
    yield _line(
        "disk",
        f"{byte_text(disk.store)} in the store: {byte_text(disk.version)} a version, "
        f"features {byte_text(disk.features)}, ledgers {byte_text(disk.ledgers)}",
    )
    yield _line(
        "", f"{byte_text(disk.job)} in a job's cache, {byte_text(disk.replica)} in a replica's"
    )
    yield _line("build", f"{hour_text(plan.build_hours)} on {plan.request.cores} cores")
    yield _line("extraction", f"{_hours(extraction.embedding_hours)} of {extraction.embedding_by}")
    if extraction.cpu_hours is not None:
        yield _line("", f"or, without it, {_hours(extraction.cpu_hours)} of one core")
    busy = extraction.decoding_hours / extraction.embedding_hours
    yield _line(
        "",
        f"and {_hours(extraction.decoding_hours)} of one core that reads the pictures "
        f"({busy:.1f} cores keep up with it)",
    )
    yield _line("search", f"{serving.search_ms:.2f} ms a query by one thread, the index alone")
    yield _line(
        "replicas",
        f"{serving.replicas} of {plan.request.cores} cores, {serving.load:.0%} busy, "
        f"p95 {serving.p95_ms:.0f} ms{_verdict(serving.meets_p95, 'met', 'MISSED')}; "
        f"each answers up to {serving.queries_per_replica:,.0f} queries a second",
    )


def _selections(memory: Memory) -> str:
    return f", selections {byte_text(memory.selections)}" if memory.selections else ""


def _line(label: str, text: str) -> str:
    return f"{label:{LABEL_WIDTH}}{text}"


def _hours(hours: float) -> str:
    return f"{hours:,.1f} hours" if hours >= 0.1 else hour_text(hours)


def _effort(search: SearchParameters) -> str:
    given = (
        ("nprobe", search.nprobe),
        ("k_factor", search.k_factor),
        ("efSearch", search.ef_search),
    )
    return "".join(f", {name} {value:g}" for name, value in given if value is not None)


def _verdict(answer: bool | None, yes: str, no: str) -> str:
    return "" if answer is None else f" ({yes if answer else no})"


def _figure(figure: Figure) -> str:
    return f"  {figure.what}: {figure.value:,.4g} {figure.unit} ({figure.source})"
