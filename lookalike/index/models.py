"""Which versions of a model the indexes of a store name, and whether they are there."""

from collections.abc import Callable

from lookalike.errors import DigestMismatch, StoreError
from lookalike.index.details import ModelReference
from lookalike.index.version import decode_details
from lookalike.model_card import ModelCard, read_stored_card
from lookalike.settings import Settings
from lookalike.store import Collection, open_indexes

Damage = Callable[[DigestMismatch], None]


def named_models(indexes: Collection, model: str, damaged: Damage | None = None) -> set[str]:
    """Name the versions of a model that made any version of this index, or of one beside it.

    Args:
        indexes: one index of the store.
        model: its name.
        damaged: is told of a manifest that is; nobody knows what it names.

    Raises:
        DigestMismatch: a manifest is damaged, and there is nobody to tell.
    """
    named = set()
    for collection in indexes.siblings():
        for version in collection.versions():
            try:
                made = decode_details(collection.manifest(version), version).model
            except DigestMismatch as error:
                if damaged is None:
                    raise
                damaged(error)
            else:
                named |= {str(made.version)} if made.name == model else set()
    return named


def served_model(settings: Settings) -> int | None:
    """Name the version of the settings' model that their index is of; None where there is none.

    Raises:
        DigestMismatch, VersionNotFound: the current index's manifest is damaged, or gone.
    """
    indexes = open_indexes(settings.store, settings.index)
    current = indexes.current_or_none()
    if current is None:
        return None
    made = decode_details(indexes.manifest(current), current).model
    return made.version if made.name == settings.model else None


def card_of(models: Collection, made: ModelReference) -> ModelCard:
    """Give the card of the model that made an index, where the store still has that very model.

    Args:
        models: the versions of the model of that name.
        made: what the index says of it.

    Raises:
        VersionNotFound: the store has no such version.
        StoreError: another model has its number.
        DigestMismatch, ConfigurationError: its manifest, or its card, is damaged.
    """
    card = read_stored_card(models, str(made.version))
    if card.weights_sha256 != made.weights_sha256:
        raise StoreError(
            f"version {made.version} of {made.name} is another model than made this index"
        )
    return card
