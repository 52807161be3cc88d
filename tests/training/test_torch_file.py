"""Files of torch.save's older format, written here without PyTorch."""

import io
import os
import pickle
import struct
import sys
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

from training.torch_file import MAGIC, read_tensors


class Storage(NamedTuple):
    key: str
    values: Any
    kind: type


class Tensor(NamedTuple):
    """As PyTorch pickles one: a function, and what to call it with."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __reduce__(self) -> Any:
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (self.storage, self.offset, self.shape, self.strides, False, {})


class Pickler(pickle.Pickler):
    def persistent_id(self, saved: Any) -> Any:
        if not isinstance(saved, Storage):
            return None
        return ("storage", saved.kind, saved.key, "cpu", len(saved.values), None)


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Names for pickles to name; nothing of them is there when files are read."""
    module, utils = ModuleType("torch"), ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "HalfStorage"):
        setattr(module, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2() -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = (
        "torch._utils",
        "_rebuild_tensor_v2",
    )
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return module


def written(state: Any, storages: list[Storage], magic: int = MAGIC) -> bytes:
    stream = io.BytesIO()
    for part in (magic, 1001, {"little_endian": True}, state, [s.key for s in storages]):
        Pickler(stream, 2).dump(part)
    for storage in storages:
        stream.write(struct.pack("<q", len(storage.values)) + storage.values.tobytes())
    return stream.getvalue()


def test_tensors_are_read_whatever_the_order_of_their_axes(torch: Any) -> None:
    numbers = Storage("7", np.arange(8, dtype="<f4"), torch.FloatStorage)
    count = Storage("3", np.array([5], "<i8"), torch.LongStorage)
    state = {
        "plain": Tensor(numbers, 2, (2, 3), (3, 1)),
        "turned": Tensor(numbers, 0, (2, 3), (1, 2)),
        "scalar": Tensor(count, 0, (), ()),
    }
    found = read_tensors(written(state, [count, numbers]))
    np.testing.assert_array_equal(found["plain"], [[2, 3, 4], [5, 6, 7]])
    np.testing.assert_array_equal(found["turned"], [[0, 2, 4], [1, 3, 5]])
    assert found["plain"].dtype == np.float32
    assert found["scalar"] == 5


def test_a_pickle_that_would_run_something_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Command:
        def __reduce__(self) -> Any:
            return os.mkdir, ("/made-by-a-pickle",)

    made: list[str] = []
    data = written({"a": Command()}, [])
    monkeypatch.setattr(os, "mkdir", made.append)
    with pytest.raises(ValueError, match=r"mkdir is no part of a tensor"):
        read_tensors(data)
    assert made == []


def test_other_kinds_of_numbers_are_refused(torch: Any) -> None:
    half = Storage("1", np.zeros(4, "<f2"), torch.HalfStorage)
    with pytest.raises(ValueError, match=r"torch\.HalfStorage is no part of a tensor"):
        read_tensors(written({"a": Tensor(half, 0, (4,), (1,))}, [half]))


@pytest.mark.parametrize(
    ("offset", "shape", "strides"), [(1, (8,), (1,)), (0, (2, 2), (1, 7)), (0, (3,), (-1,))]
)
def test_a_tensor_that_reaches_out_of_its_storage_is_refused(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...], torch: Any
) -> None:
    numbers = Storage("1", np.zeros(8, "<f4"), torch.FloatStorage)
    with pytest.raises(ValueError, match="strides is incompatible"):
        read_tensors(written({"a": Tensor(numbers, offset, shape, strides)}, [numbers]))


@pytest.mark.parametrize(
    "damage", ["cut", "negative", "no pickle", "another magic number", "no tensors"]
)
def test_a_damaged_file_is_told(damage: str, torch: Any) -> None:
    numbers = Storage("1", np.zeros(8, "<f4"), torch.FloatStorage)
    data = {
        "cut": written({"a": Tensor(numbers, 0, (8,), (1,))}, [numbers])[:-5],
        "negative": written({"a": Tensor(numbers, 0, (8,), (1,))}, [numbers]).replace(
            struct.pack("<q", 8), struct.pack("<q", -8)
        ),
        "no pickle": b"PK\x03\x04",
        "another magic number": written({}, [], magic=1),
        "no tensors": written({"a": 3}, []),
    }[damage]
    with pytest.raises(ValueError, match="torch"):
        read_tensors(data)
