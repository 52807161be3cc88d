"""Says why JSON values are no tensor, in the words and the order of TensorFlow Serving.

Walks element by element, so it runs only for requests that will be refused. Each function
mirrors one of ``util/json_tensor.cc``: what that would report first is reported.
"""

from collections.abc import Mapping

from model_server.json_reader import echo
from model_server.json_values import CONVERTERS, dense_shape, is_base64
from model_server.signature import TensorInfo
from model_server.status import Code, Refusal, invalid

Shape = tuple[int, ...]


def refuse_value(value: object, dtype: str) -> Refusal:
    """Find what keeps one value, of any nesting, from being a tensor of ``dtype``."""
    try:
        _walk(value, dtype, dense_shape(value), level=0)
    except Refusal as refusal:
        return refusal
    raise AssertionError(f"{echo(value)} was refused and is a {dtype}")


def refuse_instances(instances: list[object], inputs: Mapping[str, TensorInfo]) -> Refusal:
    """Find what is wrong with a row request's ``instances``."""
    seen: dict[str, Shape] = {}
    try:
        for position, instance in enumerate(instances):
            _check_instance(position, instance, is_row_object(instances[0]), inputs, seen)
    except Refusal as refusal:
        return refusal
    raise AssertionError(f"{echo(instances)} was refused and is well formed")


def is_row_object(instance: object) -> bool:
    """Whether an instance names its inputs, rather than being the only input's value."""
    return isinstance(instance, dict) and not is_base64(instance)


def _check_instance(
    position: int,
    instance: object,
    objects: bool,
    inputs: Mapping[str, TensorInfo],
    seen: dict[str, Shape],
) -> None:
    if objects != is_row_object(instance):
        raise invalid(_mixed(position, objects))
    if isinstance(instance, dict) and objects:
        _check_row_object(position, instance, inputs, seen)
    else:
        _check_item(f"{position}", next(iter(inputs)), instance, inputs, seen)


def _mixed(position: int, objects: bool) -> str:
    expected, got = ("object", "list") if objects else ("value/list", "object")
    return f"Expecting {expected} but got {got} at item {position} of input list"


def _check_row_object(
    position: int,
    instance: dict[str, object],
    inputs: Mapping[str, TensorInfo],
    seen: dict[str, Shape],
) -> None:
    for name, value in instance.items():
        _check_item(f"{position} key: {name}", name, value, inputs, seen)
    if instance.keys() != inputs.keys():
        raise invalid(
            f"Failed to process element: {position} of 'instances' list. JSON object:"
            f" {echo(instance)} keys must be equal to: {','.join(sorted(inputs))}"
        )


def _check_item(
    where: str, name: str, value: object, inputs: Mapping[str, TensorInfo], seen: dict[str, Shape]
) -> None:
    try:
        if name not in inputs:
            raise invalid(f"JSON object: does not have named input: {name}")
        _walk(value, inputs[name].dtype, dense_shape(value), level=0)
        _compare(seen.setdefault(name, dense_shape(value)), dense_shape(value))
    except Refusal as refusal:
        raise Refusal(
            refusal.code if refusal.code is Code.UNIMPLEMENTED else Code.INVALID_ARGUMENT,
            f"Failed to process element: {where} of 'instances' list. Error: {refusal}",
        ) from refusal


def _compare(expected: Shape, got: Shape) -> None:
    if _size(expected) != _size(got):
        raise invalid(f"Expecting tensor size: {_size(expected)} but got: {_size(got)}")
    if expected != got:
        raise invalid(f"Expecting shape {_printed(expected)} but got: {_printed(got)}")


def _size(shape: Shape) -> int:
    size = 1
    for dimension in shape:
        size *= dimension
    return size


def _printed(shape: Shape) -> str:
    return f"[{','.join(map(str, shape))}]"


def _walk(value: object, dtype: str, shape: Shape, level: int) -> None:
    if not isinstance(value, list):
        _check_leaf(value, dtype, level, len(shape))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level}"
            f" expected size: {shape[level]}"
        )
    if not value and dtype not in CONVERTERS:
        raise _unimplemented(value, dtype)
    for item in value:
        _walk(item, dtype, shape, level + 1)


def _check_leaf(value: object, dtype: str, level: int, rank: int) -> None:
    if level != rank:
        raise invalid(
            f"JSON Value: {echo(value)} found at incorrect level: {level + 1}"
            f" in the JSON DOM. Expected at level: {rank}"
        )
    convert = CONVERTERS.get(dtype)
    if convert is None and not isinstance(value, dict):
        raise _unimplemented(value, dtype)
    if convert is None or convert([value]) is None:
        raise invalid(_unfit(value, dtype))


def _unimplemented(value: object, dtype: str) -> Refusal:
    message = f"Conversion of JSON Value: {echo(value)} to type: {dtype}"
    return Refusal(Code.UNIMPLEMENTED, message)


def _unfit(value: object, dtype: str) -> str:
    if dtype == "string" and isinstance(value, dict):
        if is_base64(value):
            return "Unable to base64 decode"
        return f"JSON Value: {echo(value)} not formatted correctly for base64 data"
    return f"JSON Value: {echo(value)} Type: {_json_type(value)} is not of expected type: {dtype}"


def _json_type(value: object) -> str:
    if isinstance(value, bool):
        return str(value)
    names = {type(None): "Null", dict: "Object", str: "String"}
    return names.get(type(value), "Number")
