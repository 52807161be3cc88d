"""How extraction runs; none of it changes a vector."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lookalike.catalogue.storage import MAX_FILE_BYTES
from lookalike.cores import cores


class ExtractionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes, limits and patience; each field's description is its documentation."""

    processes: Annotated[
        int, Meta(ge=1, description="Processes that read and decode pictures.")
    ] = msgspec.field(default_factory=cores)
    batch: Annotated[
        int, Meta(ge=1, description="Most pictures in a request; a server may ask for fewer.")
    ] = 32
    in_flight: Annotated[
        int, Meta(ge=1, description="Most requests under way; a full server gets fewer.")
    ] = 4
    max_file_bytes: Annotated[
        int, Meta(ge=1, description="Largest file that is read; a larger one is quarantined.")
    ] = MAX_FILE_BYTES
    max_decoded_bytes: Annotated[
        int, Meta(ge=1, description="Most memory that decoding one picture may take.")
    ] = 256_000_000
    patience_seconds: Annotated[
        float,
        Meta(ge=0, description="Longest wait for a model server that gives no vectors at all."),
    ] = 120.0
    stuck_seconds: Annotated[
        float, Meta(gt=0, description="Longest that one batch may take to be read.")
    ] = 600.0
    part_vectors: Annotated[
        int, Meta(ge=1, description="Vectors that are written together, as one part.")
    ] = 4096
    max_rejected: Annotated[
        float,
        Meta(ge=0, le=1, description="Largest share of quarantined and missing pictures."),
    ] = 0.1
    allow_shrink: Annotated[
        bool, Meta(description="Forget the pictures that are gone, however many they are.")
    ] = False
    retry_quarantined: Annotated[
        bool, Meta(description="Read quarantined pictures again, unchanged files included.")
    ] = False
