"""What a training run is asked to do, with every default; it imports nothing heavy."""

from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from lookalike.cores import cores
from lookalike.picture.contract import PictureContract

FileFormat = Literal["keras", "h5"]
BackboneName = Literal[
    "vgg16",
    "mobilenet-v3-large",
    "mobilenet-v3-small",
    "efficientnet-v2-b0",
    "efficientnet-v2-s",
    "efficientnet-lite0",
]
BACKBONE_NAMES = get_args(BackboneName)
DEFAULT_BACKBONE: BackboneName = "vgg16"
ViewPrecision = Literal["fastest", "float32"]
VIEW_PRECISIONS = get_args(ViewPrecision)
Recipe = Literal["contrastive", "plain"]


class HeadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the head is trained; each field is a flag of ``lookalike train``."""

    recipe: Annotated[
        Recipe,
        Meta(
            description="contrastive: pictures of a category are drawn together, from the "
            "pretrained similarity on; plain: dense_1 is learnt for the softmax alone."
        ),
    ] = "contrastive"
    interpolation: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="How far from the pretrained similarity (0) to the trained one (1): 1 "
            "finds the categories best that it was trained on, and others worse. "
            "Of the contrastive recipe.",
        ),
    ] = 0.6
    temperature: Annotated[
        float, Meta(gt=0, description="Divides cosines in the contrastive recipe's loss.")
    ] = 0.1
    steps: Annotated[
        int,
        Meta(
            ge=1,
            description="Most steps of the contrastive recipe, to the end of an epoch: with more "
            "of them, categories that it was not trained on are found worse.",
        ),
    ] = 350
    epochs: Annotated[int, Meta(ge=1, description="Most passes over the pictures.")] = 60
    patience: Annotated[
        int, Meta(ge=1, description="Epochs without a better one before training stops.")
    ] = 20
    batch_size: Annotated[int, Meta(ge=2, description="Pictures a step.")] = 64
    learning_rate: Annotated[float, Meta(gt=0, description="Step size of RMSprop.")] = 1e-3
    dropout: Annotated[
        float,
        Meta(ge=0, lt=1, description="Share of dense_1 that each step hides from the softmax."),
    ] = 0.5
    label_smoothing: Annotated[
        float, Meta(ge=0, lt=1, description="Share of each target spread over all categories.")
    ] = 0.1
    seed: Annotated[
        int, Meta(ge=0, description="Seed of the split, the initial weights and the draws.")
    ] = 0


class TuningSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the base is tuned after the head; each field is a flag of ``lookalike train``."""

    unfreeze_from: Annotated[
        str | None,
        Meta(
            description="Then tune the base too, from this layer on (VGG16's last block: "
            "block5_conv1), and keep the better of the two by what validation pictures find."
        ),
    ] = None
    tuning_rate: Annotated[
        float, Meta(gt=0, description="Step size of RMSprop in that second stage.")
    ] = 1e-5
    tuning_epochs: Annotated[
        int, Meta(ge=1, description="Most passes of the second stage over the pictures.")
    ] = 20
    tuning_patience: Annotated[
        int, Meta(ge=1, description="Its epochs without a better one before it stops.")
    ] = 4


class TrainingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to train on, how, and where the result goes.

    Attributes:
        pictures: folder of labelled folders.
        validation: the same, to judge by; without it a share of ``pictures`` is held out.
        validation_share: that share, of each category.
        output: folder to make or to replace.
        file_format: of the whole model.
        contract: how files become pixels.
        backbone: what embeds them before the head does.
        views: augmented views of each training picture, besides itself.
        view_precision: that these go through the base in.
        weights: the user's own file of the backbone's weights.
        workers: threads that read pictures.
        strict: refuse to train where anything in the folders cannot be used.
        tensorboard: folder for TensorBoard's event files.
        head: how the head is trained.
        tuning: what is tuned after it.
    """

    pictures: Path
    output: Path
    validation: Path | None = None
    validation_share: float = 0.3
    file_format: FileFormat = "keras"
    contract: PictureContract = PictureContract()
    backbone: BackboneName = DEFAULT_BACKBONE
    views: int = 4
    view_precision: ViewPrecision = "fastest"
    weights: Path | None = None
    workers: int = msgspec.field(default_factory=cores)
    strict: bool = False
    tensorboard: Path | None = None
    head: HeadSettings = HeadSettings()
    tuning: TuningSettings = TuningSettings()
