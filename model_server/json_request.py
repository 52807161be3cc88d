"""A predict request's JSON into the tensors of a signature, in row or column form.

Only the envelope: ``json_values`` converts the values, ``json_diagnosis`` words refusals.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from model_server.json_diagnosis import is_row_object, refuse_instances, refuse_value
from model_server.json_reader import echo
from model_server.json_values import is_base64, to_array
from model_server.signature import DEFAULT_SIGNATURE, Array, Signature, TensorInfo
from model_server.status import invalid

Document = Mapping[str, Any]


class Form(StrEnum):
    """How a request spells its tensors, and so how the reply does."""

    ROW = "instances"
    COLUMN = "inputs"


def signature_name(document: Document) -> str:
    """The signature that a request names; an empty name is the default's."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {echo(document)} not formatted correctly."
            " 'signature_name' key must be a string value."
        )
    return name or DEFAULT_SIGNATURE


def tensors_from_json(document: Document, signature: Signature) -> tuple[dict[str, Array], Form]:
    """Convert a request's values.

    Args:
        document: the parsed body.
        signature: what the model takes; dtypes are checked against it, shapes are not.

    Returns:
        One array an input, and the form of the request. In row form the instances are the
        first dimension.

    Raises:
        Refusal: INVALID_ARGUMENT in the real server's words, or UNIMPLEMENTED for a dtype
            that JSON has no values for.
    """
    if not signature.inputs:
        raise invalid(f"Failed to get input map for signature: {signature.name}")
    form = _form(document)
    if form is Form.COLUMN:
        return _columns(document["inputs"], signature.inputs), form
    return _rows(_instances(document), signature.inputs), form


def _form(document: Document) -> Form:
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {echo(document)} Not formatted correctly expecting only"
            " one of 'inputs' or 'instances' keys to exist "
        )
    if "instances" in document:
        return Form.ROW
    if "inputs" in document:
        return Form.COLUMN
    raise invalid("Missing 'inputs' or 'instances' key")


def _instances(document: Document) -> list[object]:
    instances = document["instances"]
    if not isinstance(instances, list):
        raise invalid(f"JSON Value: {echo(document)} Expecting 'instances' to be an list/array")
    if not instances:
        raise invalid(f"JSON Value: {echo(document)} No values in 'instances' array")
    return instances


def _rows(instances: list[object], inputs: Mapping[str, TensorInfo]) -> dict[str, Array]:
    if len(inputs) > 1 and not isinstance(instances[0], dict):
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple"
            " input tensors required as per tensorinfo_map"
        )
    columns = _by_name(instances, inputs)
    tensors = {name: to_array(column, inputs[name].dtype) for name, column in columns.items()}
    good = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    if not good or good.keys() != columns.keys():
        raise refuse_instances(instances, inputs)
    return good


def _by_name(instances: list[object], inputs: Mapping[str, TensorInfo]) -> dict[str, list[object]]:
    """Gather each input's values over the rows; nothing at all where the rows differ.

    Rows of ``{"b64": …}`` are the first input's, however many there are: that others are missing
    is said later, by who holds a request against its signature.
    """
    objects = [row for row in instances if isinstance(row, dict) and is_row_object(row)]
    if not objects:
        return {next(iter(inputs)): instances}
    if len(objects) != len(instances) or any(row.keys() != inputs.keys() for row in objects):
        return {}
    return {name: [row[name] for row in objects] for name in inputs}


def _columns(value: object, inputs: Mapping[str, TensorInfo]) -> dict[str, Array]:
    if isinstance(value, dict) and not is_base64(value):
        return {name: _column(_member(value, name), info.dtype) for name, info in inputs.items()}
    if len(inputs) > 1:
        raise invalid(
            "inputs is a plain value/list, but expecting an object as multiple"
            " input tensors required as per tensorinfo_map"
        )
    return {name: _column(value, info.dtype) for name, info in inputs.items()}


def _member(value: Mapping[str, object], name: str) -> object:
    if name not in value:
        raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return value[name]


def _column(value: object, dtype: str) -> Array:
    array = to_array(value, dtype)
    if array is None:
        raise refuse_value(value, dtype)
    return array
