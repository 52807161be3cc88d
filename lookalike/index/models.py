"""Which versions of a model the indexes of a store name."""

from lookalike.index.version import decode_details
from lookalike.store import Collection


def named_models(indexes: Collection, model: str) -> set[str]:
    """Name the versions of a model that made any version of this index, or of one beside it.

    Args:
        indexes: one index of the store.
        model: its name.

    Raises:
        DigestMismatch: a manifest is damaged, so that nobody knows what it names.
    """
    found = (
        decode_details(collection.manifest(version), version)
        for collection in indexes.siblings()
        for version in collection.versions()
    )
    return {str(details.model.version) for details in found if details.model.name == model}
