"""What a real ``tensorflow_model_server`` is told: its files and its command line.

Pure text. The messages are ``config/model_server_config.proto``,
``servables/tensorflow/session_bundle_config.proto`` and ``config/monitoring_config.proto``.
"""

import json
from pathlib import Path

from model_server.metrics import PATH
from model_server.options import BatchingParameters, ServerOptions
from model_server.versions import Policy

BINARY = "tensorflow_model_server"

_MODELS, _BATCHING, _MONITORING = "models.config", "batching.config", "monitoring.config"


def write_configuration(options: ServerOptions, folder: Path) -> None:
    """Write the files that ``arguments`` names into ``folder``."""
    (folder / _MODELS).write_text(model_config(options))
    (folder / _MONITORING).write_text(f'prometheus_config {{ enable: true path: "{PATH}" }}\n')
    if options.batching:
        (folder / _BATCHING).write_text(batching_config(options.batching))


def arguments(options: ServerOptions, folder: Path) -> list[str]:
    """Command-line flags, with the configuration files in ``folder``."""
    flags = [
        f"--port={options.grpc_port}",
        f"--rest_api_port={options.rest_port}",
        f"--rest_api_timeout_in_ms={options.rest_timeout_ms}",
        f"--model_config_file={folder / _MODELS}",
        f"--monitoring_config_file={folder / _MONITORING}",
        # The flag takes whole seconds, and less than one would mean never.
        f"--file_system_poll_wait_seconds={max(1, round(options.poll_seconds))}",
    ]
    if options.batching:
        parameters = f"--batching_parameters_file={folder / _BATCHING}"
        flags += ["--enable_batching=true", parameters]
    return flags


def model_config(options: ServerOptions) -> str:
    """A ``ModelServerConfig`` with the one model, as a text proto."""
    return (
        "model_config_list { config {"
        f" name: {_string(options.model_name)}"
        f" base_path: {_string(str(options.base_path.absolute()))}"
        ' model_platform: "tensorflow"'
        f" model_version_policy {{ {_policy(options.policy)} }}"
        " } }\n"
    )


def batching_config(parameters: BatchingParameters) -> str:
    """A ``BatchingParameters`` message as a text proto."""
    values = {
        "max_batch_size": parameters.max_batch_size,
        "batch_timeout_micros": parameters.batch_timeout_micros,
        "max_enqueued_batches": parameters.max_enqueued_batches,
        "num_batch_threads": parameters.num_batch_threads,
    }
    return "".join(f"{name} {{ value: {value} }}\n" for name, value in values.items())


def _policy(policy: Policy) -> str:
    if policy.specific:
        return f"specific {{ {' '.join(f'versions: {v}' for v in sorted(policy.specific))} }}"
    return "all {}" if policy.latest is None else f"latest {{ num_versions: {policy.latest} }}"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
