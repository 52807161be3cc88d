"""Stands where ``tensorflow_model_server`` would be on the PATH, and serves as the look-alike.

Reads the flags and the model configuration that the launcher wrote for the real one.
"""

import sys
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from lookalike.cli import main


def run(arguments: list[str]) -> None:
    flags = dict(argument.removeprefix("--").split("=", 1) for argument in arguments)
    text = Path(flags["model_config_file"]).read_text()
    message = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (config,) = message.model_config_list.config
    main(
        [
            *("model-server", "--local", "--model-name", config.name),
            *("--model-base-path", config.base_path),
            *("--rest-port", flags["rest_api_port"], "--grpc-port", flags["port"]),
        ]
    )


if __name__ == "__main__":
    run(sys.argv[1:])
