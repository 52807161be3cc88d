"""Benchmarks: programs that compare candidates interleaved in one run and print ratios.

They measure and judge, and change nothing. docs/benchmarks.md says how to read them; the
goals stand in goals.toml.
"""

# A module of this folder each, with what it compares; `python -m bench` runs them all.
BENCHMARKS = {
    "embedding": "pictures/s through REST, gRPC and in process, against the bare SavedModel",
    "index": "queries/s and recall of what is built, against the seed recipe and raw faiss",
    "filters": "recall and queries/s under filters, against faiss' selector and exact search",
    "duplicates": "how far copies of a picture lie from it, and other pictures",
    "near_copies": "what training takes for copies of a picture, and for other pictures",
    "reindex": "a rebuild after one picture in a hundred changed, against a full one",
    "changes": "looking at recorded deletions and additions, packed against a file for each",
    "extraction": "pictures/s of extraction, against the model server alone and bare decoding",
    "picture_contract": "reading pictures beside bare OpenCV, and memory beside its estimate",
    "opening": "how long a published index takes to open, and the memory of worker processes",
    "calibration": "how often hits are of the query's category, against the scores told of them",
    "backbones": "pictures/s, size and retrieval quality of each backbone, against VGG16",
    "embeddings": "how well each recipe's vectors find their kind, of categories known and not",
    "tuning": "what tuning the base gains on the stamps, and what more pictures would",
    "training": "training on features that are kept, against the whole network in each epoch",
    "service": "the search service over HTTP, against bare Flask, faiss and its model server",
    "alternatives": "searches/s beside pgvector, chromadb, lancedb and Flask, each by its client",
    "soak": "ten minutes of swaps, deletions, hostile pictures and a model server that dies",
}
