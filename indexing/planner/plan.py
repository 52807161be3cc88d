"""Planning: what a catalogue of some size takes. Pure: values in, values out."""

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from indexing.build.choice import MARGIN
from indexing.build.training import LEAST_SAMPLE, SAMPLE_PER_LIST
from indexing.build.tuning import OTHER_QUERIES, TUNING_QUERIES
from indexing.defaults import SHARD_LIMIT, TARGET_RECALL
from indexing.factory import choose
from indexing.planner.attributes import Columns
from indexing.planner.figures import Basis, Figure, Figures
from indexing.planner.index_type import (
    IndexType,
    build_core_seconds,
    effort,
    read_factory,
    search_seconds,
)
from indexing.planner.memory import Memory, with_index, without_index
from indexing.planner.queueing import MOST_LOAD, greatest_load, wait_seconds
from indexing.planner.volumes import Disk, disk
from lookalike.index import SearchParameters

HOUR = 3600.0
# Cores that must be less busy than that to be in time are no plan.
LEAST_LOAD = 0.05
MEASURED_QUERIES = TUNING_QUERIES + OTHER_QUERIES


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted."""

    pictures: Annotated[int, Meta(ge=1)]
    recall: Annotated[float, Meta(gt=0, le=1)] = TARGET_RECALL
    p95_ms: Annotated[float, Meta(gt=0)] = 50.0
    queries_per_second: Annotated[float, Meta(gt=0)] | None = None
    memory_bytes: Annotated[int, Meta(ge=1, description="Of one replica.")] | None = None
    cores: Annotated[int, Meta(ge=1, description="Of one replica, and of the build.")] = 4
    dimensions: Annotated[int, Meta(ge=1)] = 128
    attributes: Annotated[Columns, Meta(description="Beside the label.")] = Columns()


class Extraction(msgspec.Struct, frozen=True, kw_only=True):
    """Time to embed every picture once."""

    embedding_hours: Annotated[float, Meta(description="Of one GPU, or the server measured.")]
    embedding_by: str
    cpu_hours: Annotated[float | None, Meta(description="Of one core, without a GPU.")]
    decoding_hours: Annotated[float, Meta(description="Of one core that reads pictures.")]


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """Answering queries."""

    search_ms: Annotated[float, Meta(description="The index alone, one query, one thread.")]
    replicas: int
    queries_per_replica: Annotated[
        float, Meta(description="Most a second, within the p95 where that can be met.")
    ]
    load: Annotated[float, Meta(description="Share of the time that a replica's cores are busy.")]
    p95_ms: Annotated[float, Meta(description="Of a whole answer at that load.")]
    meets_p95: bool


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes, and what that is based on."""

    request: Request
    factory: str
    search: Annotated[SearchParameters, Meta(description="Expected; a build tunes them.")]
    shards: int
    memory: Memory
    disk: Disk
    build_hours: float
    extraction: Extraction
    serving: Serving
    figures: Annotated[dict[str, Figure], Meta(description="Every number that was used.")]
    notes: Annotated[list[str], Meta(description="What to know, and what is assumed besides.")]


def plan(request: Request, figures: Figures) -> Plan:
    """Plan for a request, with the same choice of index type as a build makes."""
    basis = Basis(figures)
    beside = without_index(request.pictures, request.attributes, request.cores, basis)
    budget = None
    if request.memory_bytes is not None:
        budget = max(0, math.floor(request.memory_bytes - beside.total))
    factory = choose(request.pictures, request.dimensions, budget).factory
    of = read_factory(factory, request.dimensions)
    shards = math.ceil(request.pictures / SHARD_LIMIT)
    # Tuning aims a little higher than asked for.
    search = effort(of, min(1.0, request.recall + MARGIN), basis)
    index = request.pictures * of.vector_bytes + of.fixed_bytes
    memory = with_index(beside, index, request.memory_bytes)
    serving = _serving(request, search_seconds(of, request.pictures, shards, search, basis), basis)
    return Plan(
        request=request,
        factory=factory,
        search=search,
        shards=shards,
        memory=memory,
        disk=disk(request.pictures, request.dimensions, request.attributes, memory.version, basis),
        build_hours=_build_hours(request, of, memory.version, basis),
        extraction=_extraction(request, basis, figures),
        serving=serving,
        notes=_notes(of, memory, serving),
        figures=basis.used,
    )


def _build_hours(request: Request, of: IndexType, version: float, basis: Basis) -> float:
    sample = min(request.pictures, max(LEAST_SAMPLE, SAMPLE_PER_LIST * of.lists))
    filling = build_core_seconds(of, request.pictures, sample, basis)
    numbers = request.pictures * request.dimensions
    truth = min(MEASURED_QUERIES, request.pictures) * numbers * basis["assign_ns"] * 1e-9
    return ((filling + truth) / request.cores + version / basis["disk_rate"]) / HOUR


def _extraction(request: Request, basis: Basis, figures: Figures) -> Extraction:
    measured = figures["embed_rate"].measured
    core_seconds = request.pictures / basis["cpu_embed_rate"] if not measured else None
    return Extraction(
        embedding_hours=request.pictures / basis["embed_rate"] / HOUR,
        embedding_by="the model server measured" if measured else "one GPU",
        cpu_hours=None if core_seconds is None else core_seconds / HOUR,
        decoding_hours=request.pictures * basis["decode_ms"] * 1e-3 / HOUR,
    )


def _serving(request: Request, search: float, basis: Basis) -> Serving:
    """Load replicas as far as the p95 allows; what is busy is their cores."""
    service = search + (basis["decode_ms"] + basis["http_ms"]) * 1e-3
    unhurried = basis["spread"] * (service + basis["embed_ms"] * 1e-3)
    left = request.p95_ms * 1e-3 - unhurried
    most = greatest_load(service, request.cores, left)
    meets = most >= LEAST_LOAD
    if not meets:
        most = MOST_LOAD  # late in any case: then as many replicas as the work takes
    capacity = most * request.cores / service
    rate = request.queries_per_second
    replicas = 1 if rate is None else math.ceil(rate / capacity)
    load = most if rate is None else rate / replicas * service / request.cores
    reached = unhurried + wait_seconds(service, load, request.cores)
    return Serving(
        search_ms=search * 1e3,
        replicas=replicas,
        queries_per_replica=capacity,
        load=load,
        p95_ms=reached * 1e3,
        meets_p95=meets,
    )


def _notes(of: IndexType, memory: Memory, serving: Serving) -> list[str]:
    notes = [
        "requests arrive at random, and a replica's cores take them from one queue (M/M/c)",
        "10 neighbours a query, and pictures of the size that was measured",
        "what a query reads is in memory; a new version is read through before it serves",
    ]
    if of.kind != "flat":
        notes.append("recall as on the vectors measured; the build tunes it on the real ones")
    if not serving.meets_p95:
        notes.append(
            "the p95 is out of reach, however many replicas there are: the steps of an answer take "
            "as long; a faster model server is needed, or a longer p95"
        )
    if memory.fits is False:
        notes.append(
            "it does not fit: give replicas more memory, or divide the catalogue into several "
            "indexes; past one machine's memory a distributed engine such as Milvus is the way "
            "(it can stand behind lookalike.index.version.VectorIndex)"
        )
    return notes
