"""Answers that are no more than what one path says; the others stand where they are made."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from search_api.problems import Problem


class Deleted(msgspec.Struct, frozen=True):
    """The durable record of a deletion."""

    id: str
    record: Annotated[str, Meta(description="The record's file in the store.")]
    at: Annotated[str, Meta(description="UTC time, ISO 8601.")]
    found: Annotated[
        bool | None,
        Meta(description="Whether this worker knew such a picture; null: it serves no index yet."),
    ]


class Put(msgspec.Struct, frozen=True):
    """The durable record of an addition."""

    id: str
    record: Annotated[str, Meta(description="The record's file in the store.")]
    at: Annotated[str, Meta(description="UTC time, ISO 8601.")]
    replaced: Annotated[bool, Meta(description="Whether there was a picture of this id.")]


class Alive(msgspec.Struct, frozen=True):
    """The process lives."""

    status: Literal["ok"] = "ok"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Searches can be answered, and from what."""

    status: Literal["ready"] = "ready"
    index_version: str
    model_version: int
    pictures: Annotated[int, Meta(description="Pictures that can be found.")]
    problem: Annotated[
        Problem | None,
        Meta(
            description="What is wrong while searches are answered all the same: a new version "
            "that was refused, a model server that is away, a change that cannot be read."
        ),
    ] = None
