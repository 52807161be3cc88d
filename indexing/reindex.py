"""The job behind the CronJob ``reindex``: from a catalogue to a published, checked version."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from indexing.build import Plan, check_factory
from indexing.extract import ExtractionSettings, extract
from indexing.factory import Recipe, choose, seed_recipe
from indexing.features import FeatureCache
from indexing.gate import check_outcomes
from indexing.model import model_reference, wait_until_served
from indexing.outcome import Outcomes
from indexing.publish import Published, publish
from lookalike.catalogue import Picture
from lookalike.index import ModelReference
from lookalike.serving.grpc import GrpcEmbedder
from lookalike.settings import Settings
from lookalike.store import Location, open_models
from lookalike.vectors import Metric

WEIGHTS_DIGITS = 12


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What ``lookalike reindex`` can be told."""

    model_version: int | None = None
    metric: Metric = "cosine"
    recipe: Literal["auto", "seed"] = "auto"
    factory: Recipe | None = None
    max_rejected: float = 0.1
    wait_seconds: float = 300.0
    extraction: ExtractionSettings = ExtractionSettings()


def reindex(pictures: Iterable[Picture], settings: Settings, options: Options) -> Published:
    """Embed what is new, build an index of everything, check it, and move ``CURRENT``.

    The index being served stays as it is until the last step, which is atomic; a run
    that is killed leaves nothing but features that the next one uses.
    """
    if options.factory is not None:
        check_factory(options.factory.factory)
    models = open_models(settings.store, settings.model)
    model = model_reference(models, settings.model, options.model_version)
    embedder = GrpcEmbedder(settings.model_server_grpc, model.address)
    try:
        wait_until_served(embedder, model, options.wait_seconds)
        features = FeatureCache(Location(features_url(settings.store, model)), model.dimensions)
        outcomes = extract(pictures, model.picture, embedder, features, options.extraction)
        check_outcomes(outcomes, options.max_rejected)
        recipe = _recipe(outcomes, options)
        plan = Plan(name=settings.index, model=model, metric=options.metric, recipe=recipe)
        return publish(outcomes, plan, settings, embedder)
    finally:
        embedder.close()


def features_url(store: str, model: ModelReference) -> str:
    """Say where a model's features are: by its weights too, since a store may be begun anew."""
    weights = model.weights_sha256[:WEIGHTS_DIGITS]
    return f"{store}/features/{model.name}/{model.version}-{weights}"


def _recipe(outcomes: Outcomes, options: Options) -> Recipe:
    if options.factory is not None:
        return options.factory
    return (seed_recipe if options.recipe == "seed" else choose)(len(outcomes.embedded))
