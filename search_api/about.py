"""What is being served: the index, its model, and the versions that are there."""

import msgspec

from lookalike.errors import LookalikeError
from lookalike.index import AttributeSummary, Measured, ModelReference, SearchParameters
from lookalike.index.models import card_of
from lookalike.model_card import ModelCard
from lookalike.store import Collection
from search_api.serving import Serving


class About(msgspec.Struct, frozen=True):
    """The answer of ``GET /index``.

    Of the ``pictures`` that can be found now, ``added`` came since the version was built.
    """

    index: str
    version: str
    versions: list[str]
    pictures: int
    added: int
    quarantined: int
    metric: str
    factory: str
    search: SearchParameters
    measured: Measured | None
    attributes: list[AttributeSummary] | None
    model: ModelReference
    model_card: ModelCard | None


def about(serving: Serving, indexes: Collection, models: Collection) -> About:
    """Describe what is being served; reads from the store, so on a native thread."""
    details = serving.index.details
    return About(
        index=details.name,
        version=serving.index.name,
        versions=indexes.versions(),
        pictures=serving.index.findable,
        added=serving.index.added,
        quarantined=details.quarantined,
        metric=details.metric,
        factory=details.factory,
        search=details.search,
        measured=details.measured,
        attributes=details.attributes,
        model=details.model,
        model_card=_card(models, details.model),
    )


def _card(models: Collection, model: ModelReference) -> ModelCard | None:
    """Read the model's card, where the store still has that very model."""
    try:
        return card_of(models, model)
    except LookalikeError:
        return None
