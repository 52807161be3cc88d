"""What a real TensorFlow Serving would be told, read back by its own messages."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from model_server.options import BatchingParameters, ServerOptions
from model_server.real_server import arguments, batching_config, model_config, write_configuration
from model_server.versions import parse_policy


def options(**changes: object) -> ServerOptions:
    defaults = {"model_name": "embedder", "base_path": Path("/models/em\"bed'der")}
    return ServerOptions(**{**defaults, "rest_port": 8501, "grpc_port": 8500, **changes})


def parsed(policy: str) -> model_server_config_pb2.ModelConfig:
    text = model_config(options(policy=parse_policy(policy)))
    message = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (config,) = message.model_config_list.config
    return config


def test_the_model_is_named_with_an_absolute_path() -> None:
    config = parsed("all")
    assert (config.name, config.model_platform) == ("embedder", "tensorflow")
    assert config.base_path == "/models/em\"bed'der"


def test_policies_are_the_real_server_s_own() -> None:
    assert parsed("all").model_version_policy.WhichOneof("policy_choice") == "all"
    assert parsed("latest:2").model_version_policy.latest.num_versions == 2
    assert list(parsed("specific:3,1").model_version_policy.specific.versions) == [1, 3]


def test_batching_parameters_are_wrapped_values() -> None:
    parameters = BatchingParameters(
        max_batch_size=8, batch_timeout_micros=1, max_enqueued_batches=4, num_batch_threads=2
    )
    assert batching_config(parameters) == (
        "max_batch_size { value: 8 }\n"
        "batch_timeout_micros { value: 1 }\n"
        "max_enqueued_batches { value: 4 }\n"
        "num_batch_threads { value: 2 }\n"
    )


@pytest.mark.parametrize("batching", [None, BatchingParameters()])
def test_every_file_that_a_flag_names_is_written(
    tmp_path: Path, batching: BatchingParameters | None
) -> None:
    write_configuration(options(batching=batching), tmp_path)
    flags = dict(flag.split("=", 1) for flag in arguments(options(batching=batching), tmp_path))
    named = {value for flag, value in flags.items() if flag.endswith("_file")}
    assert named == {str(path) for path in tmp_path.iterdir()}
    # A parameters file without --enable_batching keeps the real server from starting.
    assert ("--enable_batching" in flags) == (batching is not None)
    assert (flags["--rest_api_port"], flags["--port"]) == ("8501", "8500")


def test_polling_never_turns_off() -> None:
    flags = arguments(options(poll_seconds=0.2), Path("/tmp"))  # noqa: S108
    assert "--file_system_poll_wait_seconds=1" in flags
