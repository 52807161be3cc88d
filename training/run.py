"""One run of training: what it was asked to do, and what its stages are made with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lookalike.progress import Say
from lookalike.settings import Settings
from training.checkpoint import Checkpoints
from training.features import FeatureExtractor
from training.finished import REQUEST_SHA256
from training.model import build_base, fast_base
from training.precision import Precision, fastest_precision
from training.request import TrainingRequest
from training.watching import Watching
from training.wheels import Layers

# Of an extractor: the same base in another precision, for augmented views.
Fast = tuple[Precision, Any] | None


@dataclass(frozen=True)
class Run:
    """What a run works with.

    Attributes:
        request: what is asked for.
        settings: give the cache, and the limit of decoding.
        layers: the base's weights, by layer.
        digest: of all that the model depends on.
        checkpoints: where unfinished stages are kept.
        say: is told what happens.
    """

    request: TrainingRequest
    settings: Settings
    layers: Layers
    digest: str
    checkpoints: Checkpoints
    say: Say

    def build_base(self, precision: Precision = "float32") -> Any:
        """Build the base with its weights."""
        size, backbone = self.request.contract.size, self.request.backbone
        return build_base(size, self.layers, precision, backbone)

    def extractor(
        self, base: Any, fast: Fast = None, within: str = "", *, large: bool = False
    ) -> FeatureExtractor:
        """Give what embeds pictures by a base; see :class:`FeatureExtractor`.

        ``within`` is a folder of the cache, for what its weights alone do not tell apart.
        """
        return FeatureExtractor(
            base,
            self.request.contract,
            Path(self.settings.cache) / within,
            self.request.workers,
            self.settings.max_decoded_bytes,
            fast,
            large=large,
        )

    def fast_base(self) -> Fast:
        """Build the base in a faster precision, for augmented views; None: nothing gains by it."""
        request = self.request
        if not request.views or request.view_precision == "float32":
            return None
        return fast_base(request.contract.size, self.layers, fastest_precision(), request.backbone)

    def watching(self, title: str, epochs: int) -> Watching:
        """Give who is told of epochs: a progress bar of this title, and TensorBoard if asked."""
        told = {"pictures": self.request.pictures, **self.flags()}
        told |= msgspec.to_builtins(self.request.contract)
        return Watching(title, epochs, self._events(), told)

    def flags(self) -> dict[str, Any]:
        """Give what the run was asked to do, for whoever reads of it later."""
        request = self.request
        tuning = msgspec.to_builtins(request.tuning) if request.tuning.unfreeze_from else {}
        return {
            **msgspec.to_builtins(request.head),
            **tuning,
            "views": request.views,
            "view_precision": request.view_precision,
            REQUEST_SHA256: self.digest,
        }

    def _events(self) -> Path | None:
        """Name the folder for TensorBoard: where a run that goes on finds its files again."""
        if self.request.tensorboard is None:
            return None
        name = self.request.pictures.resolve().name
        return self.request.tensorboard / f"{name}-{self.digest[:8]}"
