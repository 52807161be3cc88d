"""Clients of TensorFlow Serving: one interface, over REST for queries and gRPC for bulk.

Both must give equal vectors (tests/test_congruence.py holds them to it). The gRPC client is not
imported here: search_api is built without gRPC.
"""

from lookalike.serving.base import Embedder, ModelAddress
from lookalike.serving.rest import RestEmbedder

__all__ = ["Embedder", "ModelAddress", "RestEmbedder"]
