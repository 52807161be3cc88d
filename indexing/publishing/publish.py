"""Publishing: draft beside the served version, check what was drafted, move ``CURRENT``."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import zip_longest
from pathlib import Path

import msgspec

from indexing.extraction.features import Features
from indexing.extraction.storing import room_needed
from indexing.publishing.comparing import same_rows
from indexing.publishing.drafting import Base, Draft, Drafter, Plan, goes_on
from indexing.publishing.gate import GateSettings, check_draft, check_size, open_draft
from indexing.publishing.wanted import Wanted
from lookalike.errors import PublishConflict, StoreError
from lookalike.index import IndexDetails, IndexVersion, read_quarantine
from lookalike.index.version import decode_details
from lookalike.serving import Embedder
from lookalike.settings import Settings
from lookalike.store import (
    FileDigest,
    VerifiedCache,
    open_indexes,
    verify_version,
)
from lookalike.store.files import draft_folder

TRIES = 3


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
        self._cache_folder = Path(settings.cache)
        self._indexes = open_indexes(settings.store, settings.index)
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
            StoreFull: there is no room for it.
        """
        base: str | None = None
        for _ in range(TRIES - 1):
            try:
                return self._publish(want, base)
            except PublishConflict as conflict:
                if not self._only_changes(conflict.current):
                    raise
                base = conflict.version if self._plan.origin == "catalogue" else None
        return self._publish(want, base)

    def _only_changes(self, version: str | None) -> bool:
        """Tell whether a version came about by additions alone."""
        if version is None:
            return False
        return decode_details(self._indexes.manifest(version), version).origin == "changes"

    def _publish(self, want: Callable[[Base | None], Wanted], base_name: str | None) -> Published:
        current = self._indexes.current_or_none()
        with self._opened(base_name or current) as base:
            wanted = want(base)
            count = sum(1 for _ in wanted.rows())
            self._check_size(count, base, wanted)
            if base is not None and base_name is None and self._holds(base, count, wanted):
                return Published(
                    version=base.version.name, changed=False, details=base.version.details
                )
            return self._make(current, base, count, wanted)

    def _check_size(self, count: int, base: Base | None, wanted: Wanted) -> None:
        if base is None:
            check_size(count, None, 0, self._gate)
            return
        gone = base.version.living(sorted(wanted.deleted))
        check_size(count, base.version.details, gone, self._gate)

    def _holds(self, base: Base, count: int, wanted: Wanted) -> bool:
        """Tell whether the served version is what would be published."""
        details = base.version.details
        return (
            not self._plan.anew
            and goes_on(details, count, self._plan)
            and same_rows(base.version, wanted)
            and same_quarantine(base, wanted)
        )

    def _make(
        self, current: str | None, base: Base | None, count: int, wanted: Wanted
    ) -> Published:
        scratch_root = self._cache_folder / "scratch"
        with (
            room_needed(f"{self._indexes.root} or {scratch_root}"),
            self._indexes.draft() as folder,
            draft_folder(scratch_root) as scratch,
        ):
            drafter = Drafter(self._plan, self._features, folder, scratch)
            made = drafter.draft(wanted, count, base)
            details = self._checked(made, base, folder, scratch / "view")
            shared = self._shared(base, made.shared)
            version = self._indexes.publish(folder, details, shared=shared)
        # What is shared was verified as the base was opened.
        verify_version(self._indexes, version, own_only=True)
        self._indexes.succeed(current, version)
        return Published(version=version, changed=True, details=details)

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
        cache = VerifiedCache(self._cache_folder, self._indexes)
        try:
            folder = cache.fetch(current)
            version = IndexVersion(current, folder)
        except StoreError as error:
            sys.stderr.write(f"warning: the served version is not built upon: {error}\n")
            yield None
            return
        with closing(version):
            yield Base(version, folder)


def same_quarantine(base: Base, wanted: Wanted) -> bool:
    """Tell whether the same pictures are quarantined for the same reasons."""
    name = base.version.details.quarantine
    held = read_quarantine(base.folder / name) if name is not None else []
    return all(
        a == b for a, b in zip_longest(held, sorted(wanted.quarantined(), key=lambda item: item.id))
    )
