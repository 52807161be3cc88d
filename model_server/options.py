"""What a model server is asked to do, whichever of the two does it."""

from dataclasses import dataclass, field
from pathlib import Path

from model_server.versions import Policy


@dataclass(frozen=True, kw_only=True)
class BatchingParameters:
    """Limits of one signature's queue; the names are those of the batching parameters file.

    Args:
        max_batch_size: most rows that run together, and that one request may have.
        batch_timeout_micros: how long a batch that is not full waits for more rows.
        max_enqueued_batches: batches that may wait; past it requests are refused.
        num_batch_threads: batches that run at the same time.
    """

    max_batch_size: int = 32
    batch_timeout_micros: int = 2000
    max_enqueued_batches: int = 100
    num_batch_threads: int = 2


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Options of ``lookalike model-server``.

    Args:
        model_name: what clients call the model.
        base_path: folder whose numeric sub-directories are its versions.
        host: address that both ports listen on.
        rest_port: 0 for any that is free.
        grpc_port: the same.
        policy: which versions to serve.
        batching: how requests share a run; None: not at all.
        poll_seconds: time between looks at the folder.
        rest_timeout_ms: longest that a REST predict request may take.
    """

    model_name: str
    base_path: Path
    host: str = "127.0.0.1"
    rest_port: int = 0
    grpc_port: int = 0
    policy: Policy = field(default_factory=Policy)
    batching: BatchingParameters | None = field(default_factory=BatchingParameters)
    poll_seconds: float = 1.0
    rest_timeout_ms: int = 30_000


def ready_line(host: str, rest_port: int, grpc_port: int, what: str) -> str:
    """The one line that says that, and where, requests are answered."""
    return f"model server ready: REST http://{host}:{rest_port} gRPC {host}:{grpc_port} ({what})"
