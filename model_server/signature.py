"""What a model takes and gives, as plain values without TensorFlow.

The names of dtypes are TensorFlow's (``float``, ``double``, ``half``, ``string``), since
they stand in the messages that clients read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model_server.status import Code, Refusal, invalid

Array = npt.NDArray[Any]
Tensors = Mapping[str, Array]

DEFAULT_SIGNATURE = "serving_default"

_DTYPE_NAMES = {
    np.dtype(np.float16): "half",
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.object_): "string",
}


def dtype_name(array: Array) -> str:
    """TensorFlow's name of an array's dtype; an object array holds strings (bytes)."""
    return _DTYPE_NAMES.get(array.dtype, array.dtype.name)


@dataclass(frozen=True)
class TensorInfo:
    """One input or output.

    Args:
        tensor: the tensor's name in the graph, such as ``StatefulPartitionedCall:0``.
        dtype: TensorFlow's name of the dtype.
        shape: sizes, -1 where free; None where even the rank is unknown.
    """

    tensor: str
    dtype: str
    shape: tuple[int, ...] | None

    @property
    def free_first_dimension(self) -> bool:
        """Whether rows of several requests can be laid one after the other."""
        return self.shape is None or (len(self.shape) > 0 and self.shape[0] == -1)


@dataclass(frozen=True)
class Signature:
    """A named way into the model."""

    name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]

    @property
    def batchable(self) -> bool:
        """Whether every input and output has a free first dimension."""
        tensors = (*self.inputs.values(), *self.outputs.values())
        return all(tensor.free_first_dimension for tensor in tensors)

    def check(self, inputs: Tensors) -> None:
        """Refuse inputs of other names or dtypes than the signature's."""
        if inputs.keys() != self.inputs.keys():
            raise invalid(_names_message(set(inputs), set(self.inputs)))
        for index, (name, info) in enumerate(sorted(self.inputs.items())):
            given = dtype_name(inputs[name])
            if given != info.dtype:
                raise invalid(f"Expects arg[{index}] to be {info.dtype} but {given} is provided")

    def select(self, wanted: list[str]) -> tuple[str, ...]:
        """Names of the outputs to compute: those in ``wanted``, or all where it is empty."""
        for position, name in enumerate(wanted):
            if name not in self.outputs:
                raise invalid(
                    f"output tensor alias not found in signature: {name} Outputs expected to be"
                    f" in the set {{{','.join(sorted(self.outputs))}}}."
                )
            if name in wanted[:position]:
                raise invalid(f"duplicate output tensor alias: {name}")
        return tuple(wanted or self.outputs)


def find_signature(signatures: Mapping[str, Signature], name: str) -> Signature:
    """Find a signature for gRPC, where an unknown one is FAILED_PRECONDITION."""
    name = name or DEFAULT_SIGNATURE
    if name not in signatures:
        raise Refusal(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
    return signatures[name]


def _names_message(given: set[str], expected: set[str]) -> str:
    def listed(names: set[str]) -> str:
        return "{" + ",".join(sorted(names)) + "}"

    if len(given) == len(expected):
        return (
            "Inputs contains invalid name. Used request inputs: "
            f"{','.join(sorted(given & expected))}, request input: {','.join(sorted(given))}"
        )
    return (
        f"input size does not match signature: {len(given)}!={len(expected)}"
        f" len({listed(given)}) != len({listed(expected)})."
        f" Sent extra: {listed(given - expected)}."
        f" Missing but required: {listed(expected - given)}."
    )
