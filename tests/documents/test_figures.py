"""What other pages quote of docs/benchmarks.md is what was printed there."""

import re
from decimal import Decimal
from typing import NamedTuple

import pytest

from tests.documents.reading import ROOT

BENCHMARKS = (ROOT / "docs" / "benchmarks.md").read_text()
WORDS = {"a twelfth": "12"}


class Quoted(NamedTuple):
    """A figure on a page, and the line of a benchmark that has it.

    Attributes:
        page: within docs/.
        text: pattern of the sentence, the figure a group.
        benchmark: which printed it.
        line: how its line begins; of a comparison it's the ratio that is quoted.
        scale: what the printed figure is multiplied by.
    """

    page: str
    text: str
    benchmark: str
    line: str
    scale: str = "1"


QUOTED = [
    Quoted("limits.md", r"keeps its tail at (\S+) of", "service", "above.tail"),
    Quoted("limits.md", r"### Batches: (\S+) of", "service", "batch64"),
    Quoted("limits.md", r"machine (\S+) \(goal \.95\), \S+ \(", "service", "vector"),
    Quoted("limits.md", r"machine \S+ \(goal \.95\), (\S+) \(", "service", "pictures"),
    Quoted("limits.md", r"Two workers answer (\S+) times", "service", "workers2"),
    Quoted("limits.md", r"in a hundred waits (\S+) ms", "service", "half.vector.p99"),
    Quoted("limits.md", r"are off by (\S+) and", "calibration", "stamps128.ece"),
    Quoted("limits.md", r"are off by \S+ and (\S+) ", "calibration", "stamps224.ece"),
    Quoted("limits.md", r"On Fashion-MNIST the error is (\S+)\.", "calibration", "fashion32.ece"),
    Quoted("limits.md", r"trained all the way, reaches (\S+)\. ", "tuning", "share_100"),
    Quoted(
        "decisions/2-model.md",
        r"takes (\S+) kB over REST",
        "embedding",
        "toy.rest.batch1 sent",
        ".001",
    ),
    Quoted(
        "decisions/2-model.md",
        r"and (\S+) kB over gRPC",
        "embedding",
        "toy.grpc.batch1 sent",
        ".001",
    ),
    Quoted("decisions/6-features.md", r"and a rebuild takes (a \w+) of", "reindex", "one_percent"),
    Quoted("decisions/7-service.md", r"no answer of (\S+) was wrong", "soak", "right"),
    Quoted("decisions/9-index.md", r"it has a recall of (\S+) and", "index", "million.seed.recall"),
    Quoted(
        "decisions/9-index.md", r"answers (\S+) queries a second", "index", "million.seed.single"
    ),
    Quoted("decisions/9-index.md", r"are searched (\S+) times", "index", "million.ours.single"),
    Quoted(
        "decisions/9-index.md", r"at a recall of (\S+) and from", "index", "million.ours.recall"
    ),
    Quoted("decisions/9-index.md", r"and from (\S+) bytes each", "index", "million.ours.size"),
    Quoted("cost.md", r"1 % and takes (a \w+) of", "reindex", "one_percent"),
    Quoted("cost.md", r"a further worker takes (\S+) MB", "service", "another_worker"),
    Quoted("train.md", r"mAP rises from (\S+) with", "tuning", "share_25"),
    Quoted("train.md", r"of them to (\S+) with all", "tuning", "share_100"),
    *(
        Quoted("training.md", rf"\| `{name}` \|[^|]+\| (\S+) \|", "backbones", name)
        for name in (
            "mobilenet-v3-large",
            "mobilenet-v3-small",
            "efficientnet-v2-b0",
            "efficientnet-v2-s",
            "efficientnet-lite0",
        )
    ),
    *(
        Quoted(
            "training.md",
            rf"\| `{name}` \|" + r"[^|]+\|" * columns + r" (\S+)[^|]*\|",
            "backbones",
            f"{name}.{what}",
        )
        for name in ("vgg16", "efficientnet-lite0")
        for columns, what in ((2, "megabytes"), (3, "pretrained.map"), (4, "tuned.map"))
    ),
]


@pytest.mark.parametrize("quoted", QUOTED, ids=lambda one: f"{one.page}: {one.line}")
def test_a_quoted_figure_was_printed(quoted: Quoted) -> None:
    page = " ".join((ROOT / "docs" / quoted.page).read_text().split())
    found = re.search(quoted.text, page)
    assert found is not None, f"{quoted.page} doesn't say {quoted.text!r}"
    figure = Decimal(WORDS.get(found[1], found[1]).replace(",", ""))
    shown = printed(quoted.benchmark, quoted.line) * Decimal(quoted.scale)
    last_digit = Decimal(1).scaleb(int(figure.as_tuple().exponent))
    assert abs(shown - figure) <= last_digit / 2


def printed(benchmark: str, line: str) -> Decimal:
    """Give the figure of a line: a fact, a ratio, or the rate of what others are compared with."""
    run = re.search(rf"^```\n{benchmark}, .*?^```", BENCHMARKS, re.DOTALL | re.MULTILINE)
    assert run is not None, f"docs/benchmarks.md has no run of {benchmark}"
    found = re.search(rf"^{re.escape(line)}  +(.*)", run[0], re.MULTILINE)
    assert found is not None, f"{benchmark} printed no line {line!r}"
    ratio = re.search(r"\S+(?= \[)", found[1])
    return Decimal((ratio[0] if ratio else found[1].split()[0]).replace(",", ""))
