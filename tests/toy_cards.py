"""The card of a model that nobody trained."""

from lookalike.calibration import Calibration
from lookalike.model_card import ModelCard, TrainingData
from lookalike.picture import PictureContract


def toy_card(
    weights_sha256: str,
    *,
    size: int = 32,
    calibration: Calibration | None = None,
    explains: bool = True,
) -> ModelCard:
    """Make the card of a toy embedder for pictures of ``size``."""
    return ModelCard(
        created="2026-01-01T00:00:00Z",
        backbone="toy",
        base_weights="random",
        weights_sha256=weights_sha256,
        picture=PictureContract(size=size),
        dimensions=128,
        categories=[],
        training_data=TrainingData(fingerprint="", pictures=0, validation_pictures=0),
        settings={},
        quality={},
        calibration=calibration,
        explains=explains,
    )
