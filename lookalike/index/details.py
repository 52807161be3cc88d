"""What an index's manifest says about it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lookalike.calibration import Calibration
from lookalike.picture.contract import PictureContract
from lookalike.serving.base import ModelAddress
from lookalike.vectors import Metric

WEIGHTS_DIGITS = 12


class ModelReference(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly which model made an index's vectors, and must embed its queries."""

    name: str
    version: int
    weights_sha256: str
    picture: PictureContract
    dimensions: int
    calibration: Annotated[
        Calibration | None, Meta(description="Of its cosine distances, from its card, or null.")
    ] = None

    explains: Annotated[
        bool, Meta(description="Whether the model has the signature that explains hits.")
    ] = False

    @property
    def tag(self) -> str:
        """Its version with the first digits of its weights: a store may be begun anew."""
        return f"{self.version}-{self.weights_sha256[:WEIGHTS_DIGITS]}"

    @property
    def address(self) -> ModelAddress:
        """Where a client finds this model on a model server."""
        return ModelAddress(
            name=self.name,
            version=self.version,
            picture=self.picture,
            dimensions=self.dimensions,
        )


class SearchParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How hard to search; only those that the index's type has are set."""

    nprobe: Annotated[int, Meta(ge=1, description="Inverted lists scanned a query.")] | None = None
    k_factor: (
        Annotated[float, Meta(ge=1, description="Candidates refined, as a multiple of k.")] | None
    ) = None
    ef_search: Annotated[int, Meta(ge=1, description="HNSW's candidate list.")] | None = None

    def given(self) -> dict[str, float]:
        """Give those that are set, by name."""
        fields = msgspec.structs.asdict(self)
        return {name: value for name, value in fields.items() if value is not None}


# What a version came from: a whole catalogue, or the served one with recorded changes.
Origin = Literal["catalogue", "changes"]


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One segment: its faiss files and its pictures; its rows follow those of the one before."""

    file: Annotated[str, Meta(description="faiss file: what is trained, graphs, refine codes.")]
    pictures: Annotated[str, Meta(description="File of what each row is.")]
    vectors: int
    lists: Annotated[
        str | None, Meta(description="Inverted lists that faiss cannot map itself (lists.py).")
    ] = None
    attributes: Annotated[
        str | None,
        Meta(description="Attributes and labels as columns; null: it was built before there were."),
    ] = None

    @property
    def files(self) -> list[str]:
        """Every file of this segment."""
        names = (self.file, self.lists, self.pictures, self.attributes)
        return [name for name in names if name is not None]

    @property
    def faiss_files(self) -> list[str]:
        """The files that vectors are in."""
        return [name for name in (self.file, self.lists) if name is not None]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of an index before it was published, with its search parameters."""

    recall_at_10: Annotated[
        float,
        Meta(description="On vectors of the index that tuning did not see, each left out."),
    ]
    queries: Annotated[int, Meta(description="Queries that the recall is of.")]
    truth: Annotated[int, Meta(description="Vectors that exact search compared them with.")]
    target: Annotated[float | None, Meta(description="The recall tuned for; null: not tuned.")]
    reached: Annotated[bool, Meta(description="Whether a setting reached the target.")] = True
    search_ms: Annotated[float, Meta(description="Median of one query, one thread.")]
    exact_ms: Annotated[float, Meta(description="The same by exact search, on that machine.")]


Kind = Literal["text", "number", "truth value"]


class ValueCount(msgspec.Struct, frozen=True):
    """A value of an attribute, and how many pictures have it."""

    value: str | float | bool
    pictures: int


class AttributeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the pictures of a version have as one attribute; ``label`` is the label."""

    name: str
    kinds: Annotated[list[Kind], Meta(description="None: every picture lacks it.")]
    missing: Annotated[int, Meta(description="Pictures without a value.")]
    texts: Annotated[
        int, Meta(description="Different texts; of over a million, at least so many.")
    ] = 0
    least: Annotated[float | None, Meta(description="Of the numbers, of deleted ones too.")] = None
    most: Annotated[float | None, Meta(description="Of the numbers, of deleted ones too.")] = None
    values: Annotated[
        list[ValueCount] | None,
        Meta(description="Every value, the most frequent first; null where they are many."),
    ] = None


class IndexDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The ``details`` of an index version's manifest."""

    name: str
    model: ModelReference
    metric: Metric
    factory: Annotated[str, Meta(description="faiss index factory string of every shard.")]
    search: SearchParameters
    trained: Annotated[
        str | None,
        Meta(description="faiss file, empty: the quantizers that all segments share."),
    ] = None
    shards: Annotated[list[Shard], Meta(description="Base segments, in the order of their rows.")]
    delta: Annotated[Shard | None, Meta(description="What changed since; its rows come last.")] = (
        None
    )
    tombstones: Annotated[
        str | None,
        Meta(description="File of dead rows: a bit each over all segments, lowest bit first."),
    ] = None
    pictures: Annotated[int, Meta(description="Pictures that can be found.")]
    quarantine: Annotated[str | None, Meta(description="SQLite file of those that cannot.")] = None
    quarantined: Annotated[int, Meta(description="How many cannot.")]
    measured: Measured | None = None
    attributes: Annotated[
        list[AttributeSummary] | None,
        Meta(description="What can be filtered by; null: the version must be rebuilt for that."),
    ] = None
    changes: Annotated[
        str | None, Meta(description="File of the change records that this version knows of.")
    ] = None
    origin: Origin = "catalogue"
    predecessor: Annotated[
        str | None, Meta(description="The version that was current before this one.")
    ] = None

    @property
    def recall_at_10(self) -> float | None:
        """What was measured of it, or None."""
        return None if self.measured is None else self.measured.recall_at_10

    @property
    def calibration(self) -> Calibration | None:
        """What makes scores of this index's distances; None where nothing does."""
        return self.model.calibration if self.metric == "cosine" else None

    @property
    def segments(self) -> list[Shard]:
        """Base shards, then the delta where there is one."""
        return [*self.shards, *([self.delta] if self.delta is not None else [])]

    @property
    def base_rows(self) -> int:
        """Rows of the base shards, dead ones included."""
        return sum(shard.vectors for shard in self.shards)

    @property
    def rows(self) -> int:
        """Rows of all segments, dead ones included."""
        return sum(segment.vectors for segment in self.segments)
