"""``lookalike model-server``: flags into options, and the choice of the server.

Imports nothing heavy, since ``lookalike --help`` imports it.
"""

import logging
from pathlib import Path

import click

from lookalike.cores import cores
from lookalike.errors import ConfigurationError
from lookalike.flags import Number
from lookalike.settings import Settings
from model_server.launcher import real_server_exists, run_container, run_local, run_real
from model_server.options import BatchingParameters, ServerOptions
from model_server.versions import parse_policy

_DEFAULTS = BatchingParameters()

POSITIVE = click.IntRange(min=1)
PORT = click.IntRange(0, 65535)


@click.command("model-server")
@click.option("--model-name", help="What clients call the model.  [default: LOOKALIKE_MODEL]")
@click.option(
    "--model-base-path",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of its versions.  [default: models/<model name> in LOOKALIKE_STORE]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--rest-port",
    type=PORT,
    help="0: any free one.  [default: LOOKALIKE_MODEL_SERVER_REST's, 8501]",
)
@click.option(
    "--grpc-port",
    type=PORT,
    help="0: any free one.  [default: LOOKALIKE_MODEL_SERVER_GRPC's, 8500]",
)
@click.option("--policy", default="all", show_default=True, help="all, latest:N or specific:1,2.")
@click.option("--batching/--no-batching", default=True, help="Run requests together.")
@click.option(
    "--max-batch-size",
    type=POSITIVE,
    default=_DEFAULTS.max_batch_size,
    show_default=True,
    help="Most rows of a batch, and of a request.",
)
@click.option(
    "--batch-timeout-micros",
    type=click.IntRange(min=0),
    default=_DEFAULTS.batch_timeout_micros,
    show_default=True,
    help="How long a batch waits for more rows.",
)
@click.option(
    "--max-enqueued-batches",
    type=POSITIVE,
    default=_DEFAULTS.max_enqueued_batches,
    show_default=True,
    help="Batches that may wait; past it requests are refused.",
)
@click.option(
    "--num-batch-threads",
    type=POSITIVE,
    default=cores,
    help="Batches that run at the same time.  [default: one a core]",
)
@click.option(
    "--poll-seconds",
    type=Number(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Time between looks at the folder.",
)
@click.option(
    "--rest-timeout-ms",
    type=POSITIVE,
    default=30_000,
    show_default=True,
    help="Longest that a REST predict request may take.",
)
@click.option("--local", is_flag=True, help="The look-alike, even where the real one is there.")
@click.option("--container", metavar="IMAGE", help="TensorFlow Serving from a container image.")
def model_server(
    model_name: str | None,
    model_base_path: Path | None,
    host: str,
    rest_port: int | None,
    grpc_port: int | None,
    policy: str,
    batching: bool,
    max_batch_size: int,
    batch_timeout_micros: int,
    max_enqueued_batches: int,
    num_batch_threads: int,
    poll_seconds: float,
    rest_timeout_ms: int,
    local: bool,
    container: str | None,
) -> None:
    """Serve the exported models over REST and gRPC.

    Runs tensorflow_model_server where it is on the PATH, and otherwise a look-alike with
    the same calls and answers (docs/model_server.md). Waits for a first version before it
    opens its ports.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("model_server").setLevel(logging.INFO)
    settings = Settings.from_environment()
    name = model_name or settings.model
    parameters = BatchingParameters(
        max_batch_size=max_batch_size,
        batch_timeout_micros=batch_timeout_micros,
        max_enqueued_batches=max_enqueued_batches,
        num_batch_threads=num_batch_threads,
    )
    options = ServerOptions(
        model_name=name,
        base_path=model_base_path or _stored_models(settings.store, name),
        host=host,
        rest_port=_port(settings.model_server_rest) if rest_port is None else rest_port,
        grpc_port=_port(settings.model_server_grpc) if grpc_port is None else grpc_port,
        policy=parse_policy(policy),
        batching=parameters if batching else None,
        poll_seconds=poll_seconds,
        rest_timeout_ms=rest_timeout_ms,
    )
    _run(options, local, container)


def _run(options: ServerOptions, local: bool, image: str | None) -> None:
    if image and not local:
        run_container(image, options, click.echo)
    elif real_server_exists() and not local:
        run_real(options, click.echo)
    else:
        run_local(options, click.echo)


def _port(address: str) -> int:
    """Listen where the clients' settings look: one place for each port."""
    port = address.rstrip("/").rpartition(":")[2]
    if not port.isdecimal():
        raise ConfigurationError(
            f"{address!r} names no port to listen on: give --rest-port and --grpc-port"
        )
    return int(port)


def _stored_models(store: str, name: str) -> Path:
    if "://" in store:
        raise ConfigurationError(
            f"TensorFlow Serving reads no {store}: copy the models to a folder and name it"
            " with --model-base-path"
        )
    return Path(store) / "models" / name
