"""All figures of the report, as its JSON has them; the page shows the same, with pictures."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lookalike.model_card import Comparison, ModelCard
from training.calibration import Bin
from training.evaluation import Report, Share
from training.split import Skipped

Series = list[float | None]


class Picture(msgspec.Struct, frozen=True):
    """One picture: its path below its root, its category, and which side it is on."""

    id: str
    category: str
    held_out: bool


class Hit(msgspec.Struct, frozen=True):
    """What a query finds, and the cosine between the two."""

    picture: Picture
    cosine: float

    @property
    def category(self) -> str:
        """The category of what is found."""
        return self.picture.category


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A held-out picture, what it finds among the training pictures, and how well."""

    picture: Picture
    hits: list[Hit]
    precision_before: Annotated[
        Share | None, Meta(description="Average precision of the pretrained features.")
    ] = None
    precision: Annotated[Share | None, Meta(description="And of the fine-tuned vectors.")] = None


class Confusion(msgspec.Struct, frozen=True, kw_only=True):
    """How often queries of one category find another."""

    category: str
    found: str
    hits: Annotated[int, Meta(description="How many of the first hits are of the other.")]
    of: Annotated[
        int,
        Meta(
            description="How many first hits there are: of each query as many as the gallery has "
            "of its category, ten at most, so that a perfect model confuses nothing."
        ),
    ]
    examples: Annotated[list[Query], Meta(description="Of the most confused pairs alone.")] = []

    @property
    def share(self) -> float:
        """The share of the first hits that are of the other category."""
        return self.hits / self.of


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A picture's place on both maps, from 0 to 1."""

    picture: Picture
    before: tuple[float, float]
    after: tuple[float, float]
    right: Annotated[
        bool | None,
        Meta(description="Whether a query's nearest is of its category; null: it is no query."),
    ] = None


class ScoreCalibration(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of the held-out pictures' hits, each by a fit to other queries, and how often right.

    Attributes:
        reason: why there are none, where there are none.
    """

    bins: list[Bin] = []
    ece: float | None = None
    hits: int = 0
    reason: str | None = None


class CategorySize(msgspec.Struct, frozen=True):
    """How many pictures a category has."""

    category: str
    training: int
    held_out: int

    @property
    def pictures(self) -> int:
        """All of them."""
        return self.training + self.held_out


class SizeBin(msgspec.Struct, frozen=True):
    """Pictures whose shorter side has ``least`` to ``most`` pixels; null: any number."""

    least: int
    most: int | None
    pictures: int

    @property
    def name(self) -> str:
        """The two bounds in words."""
        return (
            f"{self.least} px or more" if self.most is None else f"{self.least} to {self.most} px"
        )


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What the pictures are like."""

    categories: list[CategorySize]
    measured: Annotated[int, Meta(description="Pictures whose size and format was looked at.")]
    sizes: list[SizeBin]
    enlarged: Annotated[int, Meta(description="Of these, smaller than what the model sees.")]
    formats: dict[str, int]
    compared: Annotated[int, Meta(description="Pictures among which copies were looked for.")]
    near_copies: Annotated[
        list[list[Picture]],
        Meta(description="Those on both sides first, then those of several labels."),
    ]
    skipped: list[Skipped]
    validation_skipped: list[Skipped]

    @property
    def imbalance(self) -> float:
        """How many times as many pictures the largest category has as the smallest."""
        sizes = [one.pictures for one in self.categories]
        return max(sizes) / min(sizes)

    @property
    def leaked(self) -> list[list[Picture]]:
        """Near copies of which some are trained on, and some judged by."""
        return [one for one in self.near_copies if len({each.held_out for each in one}) > 1]

    @property
    def contradictory(self) -> list[list[Picture]]:
        """Near copies that bear different labels."""
        return [one for one in self.near_copies if len({each.category for each in one}) > 1]


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a picture costs, measured in this very run."""

    device: str
    pictures_per_second: Annotated[
        float, Meta(description="Through the whole model, from pixels in memory.")
    ]
    batch: int
    parameters: int
    model_bytes: Annotated[int, Meta(description="Of the trained file.")]
    dimensions: int
    vector_bytes: Annotated[int, Meta(description="Of one vector, in float32.")]


class Evaluation(Report, frozen=True, kw_only=True):
    """All figures of one model on one split; its first members are those of the quick report."""

    model: ModelCard
    history: dict[str, Series]
    confusions: list[Confusion]
    hardest: list[Query]
    map: list[Point]
    calibration: ScoreCalibration
    data: Data
    cost: Cost
    against: Comparison | None = None
