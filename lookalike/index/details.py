"""What an index's manifest says about it."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lookalike.picture.contract import PictureContract
from lookalike.serving.base import ModelAddress
from lookalike.vectors import Metric


class ModelReference(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly which model made an index's vectors, and must embed its queries."""

    name: str
    version: int
    weights_sha256: str
    picture: PictureContract
    dimensions: int

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


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One faiss file; its rows follow those of the shard before it."""

    file: str
    vectors: int


class IndexDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The ``details`` of an index version's manifest."""

    name: str
    model: ModelReference
    metric: Metric
    factory: Annotated[str, Meta(description="faiss index factory string of every shard.")]
    search: SearchParameters
    shards: list[Shard]
    pictures: Annotated[int, Meta(description="Pictures that can be found.")]
    quarantined: Annotated[int, Meta(description="Pictures of the catalogue that cannot.")]
    recall_at_10: Annotated[
        float | None,
        Meta(description="Measured against exact search on the index's own vectors."),
    ] = None
