"""Benchmarks: programs that compare candidates interleaved in one run and print ratios.

They measure and judge, and change nothing. docs/benchmarks.md says how to read them; the
goals stand in goals.toml.
"""

# A module of this folder each, with what it compares; `python -m bench` runs them all.
BENCHMARKS = {
    "embedding": "pictures/s through REST, gRPC and in process, against the bare SavedModel",
}
