"""What a version says of itself whose index nobody built."""

from lookalike.index import IndexDetails, ModelReference, SearchParameters
from lookalike.picture import PictureContract


def empty_details(name: str = "embedder", version: int = 1) -> IndexDetails:
    """Describe an index without pictures, by this version of a model."""
    model = ModelReference(
        name=name,
        version=version,
        weights_sha256="0" * 64,
        picture=PictureContract(size=32),
        dimensions=128,
    )
    return IndexDetails(
        name="default",
        model=model,
        metric="cosine",
        factory="Flat",
        search=SearchParameters(),
        shards=[],
        pictures=0,
        quarantined=0,
    )
