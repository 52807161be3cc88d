"""Model status and metadata as protocol buffers, and those as REST's JSON.

REST and gRPC answer with the same messages, so they are made once, here.
"""

import json
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
)

from model_server.manager import ModelManager
from model_server.model import ServedVersion
from model_server.status import Code, Refusal
from model_server.versions import VersionStatus

SIGNATURE_DEF = "signature_def"


def status_response(
    manager: ModelManager, name: str, version: int | None
) -> get_model_status_pb2.GetModelStatusResponse:
    """Describe one version, or all of them, newest first.

    Raises:
        Refusal: NOT_FOUND for a model or version that was never seen.
    """
    statuses = manager.statuses() if name == manager.name else {}
    if version is not None:
        statuses = {version: statuses[version]} if version in statuses else {}
    if not statuses:
        raise Refusal(Code.NOT_FOUND, _not_found(name, version))
    return get_model_status_pb2.GetModelStatusResponse(
        model_version_status=[_version_status(*item) for item in statuses.items()]
    )


def metadata_response(served: ServedVersion) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """Describe the signatures of one version."""
    response = get_model_metadata_pb2.GetModelMetadataResponse(
        model_spec=model_pb2.ModelSpec(name=served.name, version={"value": served.version})
    )
    response.metadata[SIGNATURE_DEF].Pack(_signature_defs(served))
    return response


def status_json(manager: ModelManager, name: str, version: int | None) -> bytes:
    """Write the status for REST; versions are strings there."""
    return _pretty(_as_dict(status_response(manager, name, version)))


def metadata_json(served: ServedVersion) -> bytes:
    """Write the metadata for REST, without the type that ``Any`` would add."""
    return _pretty(
        {
            "model_spec": _as_dict(metadata_response(served).model_spec),
            "metadata": {SIGNATURE_DEF: _as_dict(_signature_defs(served))},
        }
    )


def _signature_defs(served: ServedVersion) -> get_model_metadata_pb2.SignatureDefMap:
    return get_model_metadata_pb2.SignatureDefMap(signature_def=served.servable.signature_defs)


def _version_status(version: int, status: VersionStatus) -> get_model_status_pb2.ModelVersionStatus:
    return get_model_status_pb2.ModelVersionStatus(
        version=version,
        state=status.state.value,
        status={"error_code": status.code.value, "error_message": status.message},
    )


def _not_found(name: str, version: int | None) -> str:
    if version is None:
        return f"Could not find any versions of model {name}"
    return f"Could not find version {version} of model {name}"


def _as_dict(message: Message) -> dict[str, Any]:
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _pretty(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"
