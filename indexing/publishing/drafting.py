"""Drafting a version: a delta beside the base being served, or a base of its own."""

import sys
from math import inf
from pathlib import Path

import msgspec

from indexing.build import BuildSettings, build_base, build_delta, untuned
from indexing.extraction.features import Features
from indexing.factory import Recipe, choose, seed_recipe
from indexing.publishing.comparing import (
    COMPACT_SHARE,
    Comparison,
    compare,
    everything_dead,
    fresh_rows,
)
from indexing.publishing.probing import choose_probes, kept_probes
from indexing.publishing.vectors import gathered
from indexing.publishing.wanted import Base, Wanted
from lookalike.index import (
    AttributeSummary,
    Bits,
    IndexDetails,
    ModelReference,
    Origin,
    Shard,
    open_attributes,
    read_tombstones,
    summarise,
    write_folded,
    write_probes,
    write_quarantine,
    write_tombstones,
)
from lookalike.index import probes as probes_file
from lookalike.vectors import Metric

QUARANTINE = "quarantine.sqlite"
TOMBSTONES = "tombstones.bits"
FOLDED = "changes.json"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to build.

    Attributes:
        name: of the index.
        model: that its vectors are of.
        metric: how vectors are compared.
        build: how.
        seed: by the seed recipe, where ``build`` names no other.
        anew: build a new base, however little changed.
        origin: ``changes`` never builds a new base: additions must not wait for one.
    """

    name: str
    model: ModelReference
    metric: Metric = "cosine"
    build: BuildSettings = BuildSettings()
    seed: bool = False
    anew: bool = False
    origin: Origin = "catalogue"


class Draft(msgspec.Struct, frozen=True):
    """What was built: the manifest's details, and which files it shares with the base."""

    details: IndexDetails
    shared: frozenset[str] = frozenset()


class Drafter:
    """Writes the files of a version.

    Args:
        plan: how to build it.
        features: has the rows' vectors.
        folder: of the new files.
        scratch: for files that are needed meanwhile.
    """

    def __init__(self, plan: Plan, features: Features, folder: Path, scratch: Path) -> None:
        self._plan, self._features, self._folder, self._scratch = plan, features, folder, scratch

    def draft(self, wanted: Wanted, count: int, base: Base | None) -> Draft:
        """Draft what is wanted.

        Args:
            wanted: what the version is to hold.
            count: how many rows that is; none empties the base's index, and needs a base.
            base: the version being served, or None.
        """
        changes = self._comparison(wanted, count, base)
        if base is not None and changes is not None:
            made = self._beside(base, changes, wanted)
        else:
            made = Draft(self._anew(wanted, count))
        write_folded(self._folder / FOLDED, wanted.folded)
        details = msgspec.structs.replace(
            made.details,
            pictures=count,
            attributes=self._attributes(made.details, base, made.shared),
            changes=FOLDED,
            origin=self._plan.origin,
        )
        return Draft(details, made.shared)

    def _comparison(self, wanted: Wanted, count: int, base: Base | None) -> Comparison | None:
        """Compare with the base where a delta may do; None where there is to be a new base."""
        if base is None:
            return None
        if count == 0:
            return everything_dead(base.version.details)
        if self._plan.origin == "changes":
            return compare(base, wanted, inf)
        if self._plan.anew:
            return None
        other = unlike(base.version.details, count, self._plan)
        if other is not None:
            sys.stderr.write(f"building the index anew: {other}\n")
            return None
        return compare(base, wanted, COMPACT_SHARE)

    def _anew(self, wanted: Wanted, count: int) -> IndexDetails:
        plan = self._plan
        paired = gathered(
            wanted.rows(), self._features, plan.metric, plan.model.dimensions, self._scratch
        )
        # Before hours of building, since it may fail.
        probes = choose_probes(wanted, count, self._features, plan.model)
        settings = msgspec.structs.replace(plan.build, recipe=_given(plan, count))
        built = build_base(paired.of(wanted.rows()), paired.vectors, settings, self._folder)
        write_probes(self._folder / probes_file.FILE_NAME, probes)
        return IndexDetails(
            name=plan.name,
            model=plan.model,
            metric=plan.metric,
            factory=built.factory,
            search=built.search,
            trained=built.trained,
            shards=built.shards,
            pictures=count,
            measured=built.measured,
            quarantine=QUARANTINE,
            quarantined=self._write_quarantine(wanted),
        )

    def _beside(self, base: Base, changes: Comparison, wanted: Wanted) -> Draft:
        held, dead = base.version.details, changes.tombstones
        if dead is not None:
            write_tombstones(self._folder / TOMBSTONES, dead)
        self._write_probes(base, dead, changes.alive, wanted)
        details = msgspec.structs.replace(
            held,
            delta=self._delta(base, wanted) if changes.fresh else None,
            tombstones=TOMBSTONES if dead is not None else None,
        )
        shared = [name for shard in held.shards for name in shard.files]
        shared += [held.trained] if held.trained is not None else []
        return self._with_quarantine(Draft(details, frozenset(shared)), base, wanted)

    def _with_quarantine(self, made: Draft, base: Base, wanted: Wanted) -> Draft:
        """Share the base's quarantine, whose name a draft has, or write another."""
        held = made.details.quarantine
        if held is not None and wanted.same_quarantine(base):
            return Draft(made.details, made.shared | {held})
        quarantined = self._write_quarantine(wanted)
        details = msgspec.structs.replace(
            made.details, quarantine=QUARANTINE, quarantined=quarantined
        )
        return Draft(details, made.shared)

    def _write_quarantine(self, wanted: Wanted) -> int:
        return write_quarantine(self._folder / QUARANTINE, wanted.quarantined())

    def _attributes(
        self, made: IndexDetails, base: Base | None, shared: frozenset[str]
    ) -> list[AttributeSummary] | None:
        """Sum up what the version can be filtered by; None where a segment of the base has none."""
        folders = [
            base.folder if base is not None and segment.file in shared else self._folder
            for segment in made.segments
        ]
        attributes = open_attributes(folders, made.segments)
        if attributes is None:
            return None
        dead = None
        if made.tombstones is not None:
            dead = read_tombstones(self._folder / made.tombstones, made.rows)
        return summarise(attributes, dead)

    def _delta(self, base: Base, wanted: Wanted) -> Shard:
        held = base.version.details
        paired = gathered(
            fresh_rows(base, wanted),
            self._features,
            held.metric,
            held.model.dimensions,
            self._scratch,
        )
        trained = base.folder / held.trained if held.trained is not None else None
        rows = paired.of(fresh_rows(base, wanted))
        return build_delta(held, trained, rows, paired.vectors, self._folder)

    def _write_probes(self, base: Base, dead: Bits | None, count: int, wanted: Wanted) -> None:
        held = probes_file.read_probes(base.folder / probes_file.FILE_NAME)
        probes = kept_probes(base.version, dead, held)
        if not probes and count:
            model = base.version.details.model
            probes = choose_probes(wanted, count, self._features, model)
        write_probes(self._folder / probes_file.FILE_NAME, probes)


def unlike(held: IndexDetails, count: int, plan: Plan) -> str | None:
    """Say in what a base of these details is not what would be built today; None: in nothing."""
    recipe = _given(plan, count) or choose(count, plan.model.dimensions, plan.build.index_bytes)
    fixed = recipe.search.given()
    target = None if held.measured is None else held.measured.target
    if held.model != plan.model:
        return f"the one being served is of another model (version {held.model.version})"
    if held.metric != plan.metric:
        return f"the one being served compares by {held.metric}, this run by {plan.metric}"
    if held.factory != recipe.factory:
        return f"the one being served is {held.factory}, this run makes {recipe.factory}"
    if fixed.items() - held.search.given().items():
        return "the one being served has other search parameters than this run"
    if target is None and _would_be_tuned(held, recipe):
        return "the one being served was not tuned, this run tunes what is not given"
    if target not in (None, plan.build.target_recall):
        asked = plan.build.target_recall
        return f"the one being served is tuned to a recall of {target:g}, this run to {asked:g}"
    return None


def _would_be_tuned(held: IndexDetails, recipe: Recipe) -> bool:
    """Tell so, but for an index of one picture, which there is nothing to tune by."""
    measured = held.measured is not None and held.measured.queries > 0
    return measured and untuned(recipe, held.model.dimensions)


def _given(plan: Plan, count: int) -> Recipe | None:
    """Give the recipe that was asked for, or None where it is chosen by size and tuned."""
    return plan.build.recipe or (seed_recipe(count) if plan.seed else None)
