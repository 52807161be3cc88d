"""The exported models of the store."""

from collections.abc import Iterator

from doctor.finding import Finding, ok, warning, wrong
from lookalike.errors import ConfigurationError, StoreError
from lookalike.model_card import read_stored_card
from lookalike.settings import Settings
from lookalike.store import check_sizes, open_models


def models(settings: Settings) -> Iterator[Finding]:
    """Look at each version's card, and at its files' lengths."""
    collection = open_models(settings.store, settings.model)
    versions = collection.versions()
    if not versions:
        yield warning("models", f"no {settings.model} was exported yet", "'lookalike export-model'")
        return
    whole = []
    for version in versions:
        try:
            read_stored_card(collection, version)
            check_sizes(collection, version)
            whole.append(version)
        except (StoreError, ConfigurationError) as error:
            advice = "restore it from a copy, or export the model anew"
            yield wrong("models", f"version {version}: {error}", advice, type(error))
    if whole:
        yield ok("models", f"{settings.model} {', '.join(whole)}")
