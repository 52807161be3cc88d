"""Which parts of a picture made others be found: what each place of it adds to the cosine.

``dense_1`` is linear in the mean over the places of the last convolution, up to a ReLU. Of the
units that this lets through, what each place adds is known, and so what it adds to the cosine
with another picture's vector: the places' numbers sum up to that very cosine.
"""

from collections.abc import Sequence

import numpy as np

from lookalike.answers import Area, Explained, Explanation
from lookalike.errors import NoFeatures, NotExplainable
from lookalike.picture import Edges, read_picture, square_of
from lookalike.picture.contract import Pixels
from lookalike.serving.base import Parts
from lookalike.vectors import Vectors, unit
from search_api.asking import ALL_OFF, ask, asking_model
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.metrics import EMBEDDINGS
from search_api.native import run_native
from search_api.parameters import ExplainParameters, Parameters
from search_api.pictures import find_picture
from search_api.query import Indexed, Picture, Query
from search_api.reading import read_indexed
from search_api.serving import Serving
from search_api.tracing import span

DIGITS = 5  # of a cosine, that are told


def explain(
    source: Picture | Indexed,
    wanted: ExplainParameters,
    serving: Serving,
    capacity: Capacity,
    caller: Caller,
) -> Explanation:
    """Explain what a picture, or a part of it, has to do with pictures of the index.

    Raises:
        NotExplainable: the model was exported without the signature for it.
        LookalikeError: as :func:`search_api.asking.ask`, of either side.
    """
    if not serving.index.details.model.explains:
        raise NotExplainable(
            "the model of this index was exported before hits could be explained: "
            "export it anew (--force) and reindex"
        )
    names = list(dict.fromkeys(wanted.hits))
    found = [_vector(name, serving, capacity, caller) for name in names]
    # Before there is a place at the model server, which storage must not hold.
    data = _data(source, serving, capacity, caller)
    with capacity.place(caller), EMBEDDINGS.track_inprogress():
        with span("decode"):
            pixels, edges = run_native(lambda: _read(data, wanted, serving, capacity, caller))
        [parts] = _parts(pixels, serving, capacity, caller)
    told = run_native(lambda: explained(parts, names, np.stack(found)))
    return Explanation(
        area=Area(**edges._asdict()),
        explained=told,
        index_version=serving.index.name,
        model_version=serving.index.details.model.version,
    )


def _vector(name: str, serving: Serving, capacity: Capacity, caller: Caller) -> Vectors:
    caller.left()
    return ask(Query(Indexed(name), Parameters()), serving, capacity, caller).vector


def _data(source: Picture | Indexed, serving: Serving, capacity: Capacity, caller: Caller) -> bytes:
    if isinstance(source, Picture):
        return source.data
    picture = run_native(lambda: find_picture(serving.index, source.id))
    return read_indexed(picture, capacity, caller)


def _read(
    data: bytes, wanted: ExplainParameters, serving: Serving, capacity: Capacity, caller: Caller
) -> tuple[Pixels, Edges]:
    caller.left()
    contract, limit = serving.index.details.model.picture, capacity.decoded_bytes
    pixels = read_picture(data, contract, max_decoded_bytes=limit, box=wanted.box)
    return pixels, square_of(data, contract, wanted.box)


def _parts(pixels: Pixels, serving: Serving, capacity: Capacity, caller: Caller) -> Parts:
    with asking_model("explain", capacity, caller) as (left, sent):
        return serving.embedder.parts(pixels[np.newaxis], timeout=left, headers=sent)


def explained(parts: Parts, names: Sequence[str], found: Vectors) -> list[Explained]:
    """Explain vectors ``float32[k, d]`` by the parts ``float32[h, w, d]``.

    Raises:
        NoFeatures: no unit is on.
    """
    before = parts.sum(axis=(0, 1))
    length = np.linalg.norm(np.maximum(before, 0))
    if not length:
        raise NoFeatures(ALL_OFF)
    # What a unit's ReLU holds back adds nothing, wherever it comes from.
    shares = (parts * (before > 0) / length) @ unit(found).T
    return [
        Explained(
            id=name,
            cosine=round(float(shares[..., n].sum()), DIGITS),
            parts=np.round(shares[..., n].astype(np.float64), DIGITS).tolist(),
        )
        for n, name in enumerate(names)
    ]
