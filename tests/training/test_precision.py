"""Augmented views in a faster precision: where there is one, and how little it changes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.catalogue import Folder
from lookalike.picture import PictureContract, read_picture
from tests.training.conftest import PICTURES, SIZE
from tests.training.test_features import DECODED_BYTES, Counting
from training import precision
from training.features import FeatureExtractor
from training.framework import keras
from training.model import build_base, weights_sha256
from training.precision import fastest_precision
from training.weights import BaseWeights


@pytest.fixture(scope="module")
def fast_base(base_weights: BaseWeights) -> Any:
    return build_base(SIZE, base_weights.layers, "bfloat16")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu sse avx512_bf16 avx", "bfloat16"),
        ("fpu amx_bf16", "bfloat16"),
        ("fpu sse avx512f avx512_vnni", "float32"),
    ],
)
def test_the_processor_says_what_it_can(tmp_path: Path, flags: str, expected: str) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nvendor_id\t: any\nflags\t\t: {flags}\nprocessor\t: 1\n")
    assert fastest_precision(info) == expected


def test_where_it_says_nothing_nothing_is_assumed(tmp_path: Path) -> None:
    assert fastest_precision(tmp_path / "none") == "float32"


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [([(8, 0), (9, 0)], "bfloat16"), ([(7, 5)], "float32"), ([(9, 0), (7, 0)], "float32")],
)
def test_gpus_count_more_than_the_processor(
    monkeypatch: pytest.MonkeyPatch, capabilities: list[tuple[int, int]], expected: str
) -> None:
    monkeypatch.setattr(precision, "gpu_capabilities", lambda: capabilities)
    assert fastest_precision() == expected


def test_a_base_in_bfloat16_has_the_same_weights_and_all_but_the_same_features(
    base: Any, fast_base: Any, few: Path
) -> None:
    assert weights_sha256(fast_base) == weights_sha256(base)
    assert keras.config.dtype_policy().name == "float32"
    contract = PictureContract(size=SIZE)
    paths = sorted(few.rglob("*.png"))
    pixels = np.stack([read_picture(path.read_bytes(), contract) for path in paths])
    exact, fast = (np.asarray(one.predict_on_batch(pixels)) for one in (base, fast_base))
    assert fast.dtype == np.float32
    cosines = np.vecdot(exact, fast)
    cosines /= np.linalg.norm(exact, axis=1) * np.linalg.norm(fast, axis=1)
    assert cosines.min() > 0.999
    assert (exact != fast).any()


def test_only_augmented_views_go_through_it_and_each_once(
    base: Any, fast_base: Any, few: Path, tmp_path: Path
) -> None:
    for expected in (3 * PICTURES, 0):
        exact, fast = Counting(base), Counting(fast_base)
        contract = PictureContract(size=SIZE)
        extractor = FeatureExtractor(
            exact, contract, tmp_path, 2, DECODED_BYTES, ("bfloat16", fast)
        )
        examples, _ = extractor.examine(list(Folder(few)))
        extractor.embed(examples, few, views=2)
        assert (exact.pictures, fast.pictures) == (expected, 2 * expected)
        assert extractor.vectors(examples, 2).shape == (3 * PICTURES, 3, 512)
    # A run in one precision takes nothing from what was left by another.
    alone = Counting(base)
    extractor = FeatureExtractor(alone, contract, tmp_path, 2, DECODED_BYTES)
    extractor.embed(examples, few, views=2)
    assert alone.pictures == 2 * 3 * PICTURES
