"""Tensors out of a file of ``torch.save``, without PyTorch and without running what is in it.

The older format, before PyTorch 1.6: four pickles (a magic number, the version, the machine, the
tensors by name), a fifth with the storages' keys, and then the storages' bytes in that order.
"""

import io
import pickle
import struct
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
COUNT = struct.Struct("<q")
TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

Array = NDArray[Any]


class _Storage(NamedTuple):
    """Numbers that tensors look into; they stand at the file's end."""

    key: str
    dtype: np.dtype[Any]


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, numbers: Mapping[str, bytes]) -> Array:
        """Lay the tensor over its storage; NumPy refuses what would reach outside of it."""
        dtype = self.storage.dtype
        strides = [stride * dtype.itemsize for stride in self.strides]
        offset = self.offset * dtype.itemsize
        laid = np.ndarray(self.shape, dtype, numbers[self.storage.key], offset, strides)
        return np.ascontiguousarray(laid)


def read_tensors(data: bytes) -> dict[str, Array]:
    """Give a state dictionary's tensors by name.

    Raises:
        ValueError: it is no such file, or holds something besides tensors of 32-bit floats
            and 64-bit integers.
    """
    stream = io.BytesIO(data)
    try:
        magic, _, _, tensors, keys = (_Unpickler(stream).load() for _ in range(5))
        if magic != MAGIC:
            raise ValueError("it does not begin as torch.save's older files do")
        kinds = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
        numbers = {key: _read_storage(stream, kinds[key]) for key in keys}
        return {name: tensor.array(numbers) for name, tensor in tensors.items()}
    except (pickle.UnpicklingError, EOFError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"no file of tensors as torch.save wrote them: {error}") from error


def _read_storage(stream: io.BytesIO, dtype: np.dtype[Any]) -> bytes:
    [count] = COUNT.unpack(_read(stream, COUNT.size))
    return _read(stream, count * dtype.itemsize)


def _read(stream: io.BytesIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError("a storage does not end where it should")
    return data


class _Unpickler(pickle.Unpickler):
    """Makes dictionaries, tensors and storages; whatever else a pickle names is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in TYPES:
            return TYPES[name]
        return _refuse(f"{module}.{name}")

    def persistent_load(self, saved: Any) -> _Storage:
        kind, dtype, key, *_ = saved
        return _Storage(key, dtype) if kind == "storage" else _refuse(str(kind))


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def _refuse(what: str) -> NoReturn:
    raise pickle.UnpicklingError(f"{what} is no part of a tensor")
