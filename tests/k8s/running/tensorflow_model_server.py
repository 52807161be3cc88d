"""TensorFlow Serving's own flags and files, handed to the local model server.

As the real one it refuses a flag that it does not know, and a file that is not there.
"""

import os
import sys
from pathlib import Path

import click
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--port", type=int, required=True)
@click.option("--rest_api_port", type=int, required=True)
@click.option("--model_config_file", type=FILE, required=True)
@click.option("--enable_batching", is_flag=True)
@click.option("--batching_parameters_file", type=FILE, required=True)
@click.option("--monitoring_config_file", type=FILE, required=True)
def main(port: int, rest_api_port: int, model_config_file: Path, **_: object) -> None:
    """Serve what the model config says."""
    config = text_format.Parse(model_config_file.read_text(), ModelServerConfig())
    (model,) = config.model_config_list.config
    policy = model.model_version_policy.WhichOneof("policy_choice")
    flags = {
        "--model-name": model.name,
        "--model-base-path": model.base_path,
        "--policy": policy,
        "--rest-port": str(rest_api_port),
        "--grpc-port": str(port),
        "--host": os.environ["POD_IP"],
        "--poll-seconds": "0.2",
    }
    words = [word for flag in flags.items() for word in flag]
    arguments = [sys.executable, "-m", "lookalike", "model-server", "--local", *words]
    os.execv(sys.executable, arguments)  # noqa: S606  no shell


main()
