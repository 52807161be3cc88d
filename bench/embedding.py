"""Pictures a second through REST, gRPC and in process, against the bare SavedModel.

Two models: ``vgg16`` is the production graph on small pictures, where the model limits;
``toy`` takes pictures of full size and computes next to nothing, so that its ways differ
by what the transport itself costs.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.command import Plan, command
from bench.facts import Fact
from bench.harness import Candidate
from bench.local_models import Bare, InProcess, production_model, trivial_model, write_version
from bench.relay import relay
from bench.served_models import NAME, Ports, model_server
from lookalike.picture.contract import CHANNELS, PictureContract, Pixels
from lookalike.progress import working
from lookalike.serving import ModelAddress, RestEmbedder
from lookalike.serving.base import Embedder
from lookalike.serving.grpc import GrpcEmbedder
from lookalike.vectors import SAME_DEVICE_TOLERANCE, Vectors, unit
from model_server.options import BatchingParameters
from training.model import EMBEDDING_DIMENSIONS

BATCHES = (1, 16)
CLIENTS = 8
SEED = 16

Embed = Callable[[Pixels], Vectors]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model of this benchmark.

    Args:
        name: first part of its candidates' names.
        version: under which it is served.
        size: side of its pictures, in pixels.
        pictures: how many each candidate embeds in a round; a multiple of 16.
        baselines: what each way is compared with.
    """

    name: str
    version: int
    size: int
    pictures: int
    baselines: Mapping[str, str]

    @property
    def address(self) -> ModelAddress:
        """What clients have to know of it."""
        contract = PictureContract(size=self.size)
        return ModelAddress(
            name=NAME, version=self.version, picture=contract, dimensions=EMBEDDING_DIMENSIONS
        )


def models(quick: bool) -> tuple[Model, Model]:
    """The production graph and the trivial one, in two sizes of a run."""
    vgg16 = Model(
        name="vgg16",
        version=1,
        size=32 if quick else 64,
        pictures=16 if quick else 32,
        baselines={"in_process": "bare", "rest": "bare", "grpc": "bare"},
    )
    toy = Model(
        name="toy",
        version=2,
        size=224,
        pictures=16 if quick else 64,
        baselines={"in_process": "bare", "rest": "in_process", "grpc": "in_process"},
    )
    return vgg16, toy


@contextmanager
def embedding(quick: bool) -> Iterator[Plan]:
    """Write the models, start a server over them, and connect."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        vgg16, toy = models(quick)
        with working("writing the models"):
            write_version(production_model(vgg16.size), folder, vgg16.address)
            write_version(trivial_model(toy.size), folder, toy.address)
        ports = stack.enter_context(model_server(folder))
        pool = stack.enter_context(ThreadPoolExecutor(CLIENTS))
        candidates = [
            candidate
            for model in (vgg16, toy)
            for candidate in _candidates(model, _ways(model, folder, ports, stack), pool)
        ]
        yield Plan(
            item="pictures",
            rounds=2 if quick else 9,
            candidates=candidates,
            facts=_bytes_on_the_wire(toy, ports),
        )


def _ways(model: Model, folder: Path, ports: Ports, stack: ExitStack) -> dict[str, Embed]:
    """Give each way to embed with a model, after holding them to equal vectors."""
    version = folder / str(model.version)
    in_process = stack.enter_context(closing(InProcess(version, BatchingParameters())))
    rest = stack.enter_context(closing(_rest(model, ports.rest)))
    grpc = stack.enter_context(closing(_grpc(model, ports.grpc)))
    bare = Bare(version)
    ways: dict[str, Embed] = {
        "bare": bare.embed,
        "in_process": in_process.embed,
        "rest": rest.embed,
        "grpc": grpc.embed,
    }
    _require_equal(ways, _pictures(model, max(BATCHES)))
    return ways


def _candidates(
    model: Model, ways: Mapping[str, Embed], pool: ThreadPoolExecutor
) -> Iterator[Candidate]:
    pictures = _pictures(model, model.pictures)
    for batch in BATCHES:
        batches = np.split(pictures, len(pictures) // batch)
        for way, embed in ways.items():
            other = model.baselines.get(way)
            yield Candidate(
                name=f"{model.name}.{way}.batch{batch}",
                items=len(pictures),
                run=partial(_one_client, embed, batches),
                baseline=other and f"{model.name}.{other}.batch{batch}",
            )
    singles = np.split(pictures, len(pictures))
    for way in ("rest", "grpc"):
        yield Candidate(
            name=f"{model.name}.{way}.batch1.clients{CLIENTS}",
            items=len(pictures),
            run=partial(_many_clients, pool, ways[way], singles),
            baseline=f"{model.name}.{way}.batch1",
        )


def _one_client(embed: Embed, batches: list[Pixels]) -> None:
    for batch in batches:
        embed(batch)


def _many_clients(pool: ThreadPoolExecutor, embed: Embed, batches: list[Pixels]) -> None:
    list(pool.map(embed, batches))


def _pictures(model: Model, count: int) -> Pixels:
    shape = (count, model.size, model.size, CHANNELS)
    return np.random.default_rng(SEED).integers(0, 256, shape, dtype=np.uint8)


def _require_equal(ways: Mapping[str, Embed], pictures: Pixels) -> None:
    """Speed is worth comparing only between equal answers."""
    expected = unit(ways["bare"](pictures))
    for way, embed in ways.items():
        worst = float(np.linalg.norm(unit(embed(pictures)) - expected, axis=1).max())
        assert worst <= SAME_DEVICE_TOLERANCE, f"{way} differs from the bare model by {worst:.2g}"


def _bytes_on_the_wire(model: Model, ports: Ports) -> list[Fact]:
    """Count what one call sends and receives, framing included, on an open connection."""
    clients = (("rest", ports.rest, _rest), ("grpc", ports.grpc, _grpc))
    return [
        fact
        for way, port, connect in clients
        for batch in BATCHES
        for fact in _bytes_of_a_call(model, f"{model.name}.{way}.batch{batch}", port, connect)
    ]


def _bytes_of_a_call(
    model: Model, name: str, port: int, connect: Callable[[Model, int], Embedder]
) -> Iterator[Fact]:
    batch = int(name.rpartition("batch")[2])
    pictures = _pictures(model, batch)
    with relay(port) as wire, closing(connect(model, wire.port)) as client:
        client.embed(pictures)
        sent, received = wire.sent, wire.received
        client.embed(pictures)
        sent, received = wire.sent - sent, wire.received - received
    yield Fact(name=f"{name} sent", value=sent / batch, unit="bytes a picture")
    yield Fact(name=f"{name} received", value=received / batch, unit="bytes a picture")


def _rest(model: Model, port: int) -> RestEmbedder:
    return RestEmbedder(f"http://127.0.0.1:{port}", model.address, timeout=60)


def _grpc(model: Model, port: int) -> GrpcEmbedder:
    return GrpcEmbedder(f"127.0.0.1:{port}", model.address)


main = command("embedding", embedding)

if __name__ == "__main__":
    main()
