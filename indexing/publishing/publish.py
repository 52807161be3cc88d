"""Publishing: draft beside the served version, check what was drafted, move ``CURRENT``."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from indexing.extraction.features import Features
from indexing.publishing.drafting import Draft, Drafter, Plan, unlike
from indexing.publishing.gate import GateSettings, check_draft, check_size, open_draft
from indexing.publishing.wanted import Base, Wanted
from indexing.version_copies import publishing_cache
from lookalike.errors import DigestMismatch, PublishConflict, StoreError, VersionNotFound
from lookalike.index import IndexDetails, IndexVersion
from lookalike.index.version import decode_details
from lookalike.serving import Embedder
from lookalike.settings import Settings
from lookalike.store import (
    FileDigest,
    open_indexes,
    open_models,
    verify_version,
)
from lookalike.store.files import draft_folder
from lookalike.storing import room_needed

TRIES = 3
NO_BASE = "warning: the served version is not built upon: {}\n"


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What was published.

    Attributes:
        version: being served now.
        changed: whether it is new; False where the served one holds just what is wanted.
        details: what its manifest says.
    """

    version: str
    changed: bool
    details: IndexDetails

    @property
    def delta(self) -> int:
        """Pictures in the version's delta."""
        return self.details.delta.vectors if self.details.delta is not None else 0


class Publisher:
    """Publishes versions of one index.

    Args:
        settings: where the store and the cache are.
        plan: how to build.
        features: has the vectors.
        embedder: of the plan's model, live.
        gate: what may be published.
    """

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        features: Features,
        embedder: Embedder,
        gate: GateSettings,
    ) -> None:
        self._cache_folder, self._scratch = Path(settings.cache), settings.scratch
        self._indexes = open_indexes(settings.store, settings.index)
        self._models = open_models(settings.store, plan.model.name)
        self._plan, self._features, self._embedder, self._gate = plan, features, embedder, gate

    def publish(self, want: Callable[[Base | None], Wanted]) -> Published:
        """Make a version of what is wanted, check it as a replica would, and serve it.

        Where additions were published meanwhile it is tried again with them: of a catalogue
        as a delta beside what was just made, so that the work is not lost.

        Args:
            want: says what is wanted, given the version that is built upon.

        Raises:
            DataError, CatalogueShrunk, RecallTooLow: it should not be served.
            ProbeMismatch: the live model server gives other vectors than were indexed.
            DigestMismatch: the version reads back as something else than was written.
            PublishConflict: another catalogue was published, or somebody rolled back.
            VersionNotFound: the model was pruned meanwhile.
            StoreFull: there is no room for it.
        """
        begun_with = self._indexes.current_if_told()
        base, plan = None, self._plan
        for _ in range(TRIES - 1):
            try:
                return self._publish(want, base, plan)
            except PublishConflict as conflict:
                if not self._may_go_on(conflict.current, begun_with):
                    raise
                if plan.origin == "catalogue":
                    base, plan = conflict.version, msgspec.structs.replace(plan, anew=False)
        return self._publish(want, base, plan)

    def _may_go_on(self, current: str | None, begun_with: str | None) -> bool:
        """Tell whether only additions were published since: no other catalogue, no rollback.

        Additions themselves are made anew beside whatever is current.
        """
        if self._plan.origin == "changes":
            return True
        while current is not None and current != begun_with:
            details = decode_details(self._indexes.manifest(current), current)
            if details.origin != "changes":
                return False
            current = details.predecessor
        return current == begun_with

    def _publish(
        self, want: Callable[[Base | None], Wanted], base_name: str | None, plan: Plan
    ) -> Published:
        current = self._current()
        with self._opened(base_name or current) as base:
            wanted = want(base)
            count = wanted.count()
            self._check_size(count, base, wanted)
            if base is not None and base_name is None and self._holds(base, count, wanted, plan):
                return Published(
                    version=base.version.name, changed=False, details=base.version.details
                )
            return self._make(current, base, count, wanted, plan)

    def _current(self) -> str | None:
        """Name the version being served; one that is not told is no base to build beside."""
        try:
            return self._indexes.current_or_none()
        except DigestMismatch as error:
            sys.stderr.write(NO_BASE.format(error))
            return None

    def _check_size(self, count: int, base: Base | None, wanted: Wanted) -> None:
        if base is None:
            check_size(count, None, 0, self._gate)
            return
        gone = base.version.living(sorted(wanted.deleted))
        check_size(count, base.version.details, gone, self._gate)

    def _holds(self, base: Base, count: int, wanted: Wanted, plan: Plan) -> bool:
        """Tell whether the served version is what would be published.

        It must know of the same changes: what was deleted and added again since has the rows
        that it had, and replicas would leave them out of a version that knows of neither. It may
        know of more: of what was packed since, only what still counts is there.
        """
        held = base.version
        return (
            not plan.anew
            and wanted.folded <= held.folded
            and (plan.origin == "changes" or unlike(held.details, count, plan) is None)
            and wanted.same_rows(base)
            and wanted.same_quarantine(base)
        )

    def _make(
        self, current: str | None, base: Base | None, count: int, wanted: Wanted, plan: Plan
    ) -> Published:
        with (
            room_needed(f"{self._indexes.root} or {self._scratch}"),
            self._indexes.draft(self._scratch) as folder,
            draft_folder(self._scratch) as scratch,
        ):
            drafter = Drafter(plan, self._features, folder, scratch)
            made = drafter.draft(wanted, count, base)
            details = msgspec.structs.replace(
                self._checked(made, base, folder, scratch / "view"), predecessor=current
            )
            shared = self._shared(base, made.shared)
            version = self._indexes.publish(folder, details, shared=shared)
        # What is shared was verified as the base was opened.
        verify_version(self._indexes, version, own_only=True, scratch=self._scratch)
        self._check_model(version)
        self._indexes.succeed(current, version)
        return Published(version=version, changed=True, details=details)

    def _check_model(self, version: str) -> None:
        """Hold the model against the store: until now no index named it, and it may be pruned.

        Additions are of the served index's model, which is served with them or without. Of a
        model of which the store has no version at all nothing is known here.
        """
        model, stored = self._plan.model, self._models.versions()
        if self._plan.origin == "changes" or not stored or str(model.version) in stored:
            return
        raise VersionNotFound(
            f"version {model.version} of the model {model.name} is no longer in the store: it was "
            "pruned while this index was made. Run the job again, by a version that is there; "
            f"index version {version} is complete and not served"
        )

    def _checked(self, made: Draft, base: Base | None, folder: Path, view: Path) -> IndexDetails:
        """Open the draft before it has a name: whatever is in the store can be gone back to."""
        view.mkdir()
        with closing(open_draft(folder, made, base, view)) as opened:
            measured = check_draft(opened, self._features, self._embedder, self._gate)
        return msgspec.structs.replace(made.details, measured=measured)

    def _shared(self, base: Base | None, names: frozenset[str]) -> list[FileDigest]:
        if base is None:
            return []
        version = base.version.name
        return [
            msgspec.structs.replace(file, version=file.version or version)
            for file in self._indexes.manifest(version).files
            if file.path in names
        ]

    @contextmanager
    def _opened(self, current: str | None) -> Iterator[Base | None]:
        """Open the version being served; one that is damaged is no base to build beside."""
        if current is None:
            yield None
            return
        cache = publishing_cache(self._cache_folder, self._indexes)
        cache.keep(set(self._indexes.versions()))
        try:
            folder = cache.fetch(current)
            version = IndexVersion(current, folder)
        except StoreError as error:
            sys.stderr.write(NO_BASE.format(error))
            yield None
            return
        with closing(version):
            yield Base(version, folder)
