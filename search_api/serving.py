"""What answers a request: an index, and the model that it names."""

from collections import defaultdict

import msgspec

from lookalike.index import IndexVersion
from lookalike.serving import RestEmbedder
from search_api.cost import Cost


class Serving(msgspec.Struct, frozen=True):
    """An index version and the client of exactly the model version that it names.

    Attributes:
        costs: what kinds of work on this index take.
    """

    index: IndexVersion
    embedder: RestEmbedder
    costs: defaultdict[object, Cost] = msgspec.field(default_factory=lambda: defaultdict(Cost))
