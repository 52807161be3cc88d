"""The log of one index's changes, in the store."""

import hashlib
import re
import time
from collections.abc import Collection, Container, Iterable, Sequence
from contextlib import closing
from uuid import uuid4

import msgspec

from lookalike.changes.pack import Pack, encode_pack, read_pack
from lookalike.changes.record import Addition, Change, Record, decode_record, now
from lookalike.changes.standing import Standing, standing
from lookalike.errors import StoreError
from lookalike.store import Location

RECORD, PACK = ".json", ".pack"
# Every record's name is so, and every pack's. Whatever else somebody put there, such as an editor's
# copy, was never one, and nothing that was asked for is lost where it is passed over.
NAME = re.compile(rf"[0-9]+-[0-9a-f]+({re.escape(RECORD)}|{re.escape(PACK)})")
PICTURES = "pictures"
SHA256 = re.compile("[0-9a-f]{64}")
# Files that were listed can be gone when they are read: then a pack stands for them.
TRIES = 3


class Listing(msgspec.Struct, frozen=True):
    """What lies in the log: names of the records with a file of their own, and of the packs."""

    records: list[str]
    packs: list[str]

    @property
    def newest(self) -> int:
        """The number that the newest record's name begins with; 0 where there is none."""
        last = [names[-1] for names in (self.records, self.packs) if names]
        return max((int(name.partition("-")[0]) for name in last), default=0)


class News(msgspec.Struct, frozen=True):
    """What a reader did not know of.

    Attributes:
        records: to be applied, oldest first.
        names: of all records that whoever applies these has taken into account.
        packs: that were read.
    """

    records: list[Record]
    names: frozenset[str]
    packs: frozenset[str]


class ChangeLog:
    """Appends and reads records; any number of processes may do so at once.

    Args:
        location: the index's folder below ``requests/`` of the store.
    """

    def __init__(self, location: Location) -> None:
        self._location = location

    def append(self, change: Change) -> Record:
        """Write a change down; once this returns it is durable.

        It comes after all records that are there, whatever the clocks of their writers said.
        """
        number = max(time.time_ns(), self.listed().newest + 1)
        record = Record(f"{number:020d}-{uuid4().hex[:12]}{RECORD}", now(), change)
        self._location.write(record.name, record.encode())
        return record

    def put_picture(self, data: bytes) -> str:
        """Keep the bytes of a picture that is to be added; give their SHA-256."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._location.write(f"{PICTURES}/{sha256}", data)
        return sha256

    def picture_uri(self, addition: Addition) -> str:
        """Say where an added picture's bytes are."""
        return self._location.uri(f"{PICTURES}/{addition.sha256}")

    def pictures(self) -> list[str]:
        """Name all pictures whose bytes are kept, by their SHA-256."""
        names = [name.rpartition("/")[2] for name in self._location.names(f"{PICTURES}/*")]
        return [name for name in names if SHA256.fullmatch(name)]

    def picture_age(self, sha256: str) -> float:
        """Tell for how many seconds nobody has sent a picture; 0 where it is gone."""
        return self._location.age(f"{PICTURES}/{sha256}")

    def read_picture(self, sha256: str) -> bytes:
        """Read a picture's bytes; raise FileNotFoundError where they are not kept."""
        return self._location.read(f"{PICTURES}/{sha256}")

    def remove_pictures(self, digests: Iterable[str]) -> None:
        """Remove the bytes of pictures, by their SHA-256; gone ones are left so."""
        self._location.remove_files([f"{PICTURES}/{sha256}" for sha256 in digests])

    def listed(self) -> Listing:
        """Name all records and packs, each oldest first, by one listing."""
        names = [name for name in self._location.names("*") if NAME.fullmatch(name)]
        return Listing(
            [name for name in names if name.endswith(RECORD)],
            [name for name in names if name.endswith(PACK)],
        )

    def read(self, names: Iterable[str]) -> list[Record]:
        """Read records by name.

        Raises:
            StoreError: one of them is damaged.
            FileNotFoundError: one of them is not there, or no more.
        """
        return [decode_record(self._location.read(n), self._location.path(n)) for n in names]

    def read_pack(self, name: str, known: Container[str] = ()) -> Pack:
        """Read a pack; its records only where one of them is not ``known`` by name.

        Raises:
            StoreError: it is damaged.
            FileNotFoundError: it is not there, or no more.
        """
        with closing(self._location.open(name)) as file:
            return read_pack(file, known, self._location.path(name))

    def news(self, known: Container[str] = (), packs: Collection[str] = ()) -> News:
        """Read what is not ``known``, of records by name, and of packs.

        Where nothing is new it costs one listing, whose length is that of what is not packed.

        Raises:
            StoreError: something is damaged, or cannot be read.
        """
        for _ in range(TRIES):
            try:
                return self._news(known, packs)
            except FileNotFoundError as error:
                missing = error
        raise StoreError(
            f"of what was listed in {self._location.root} something is gone again and again: is "
            "the store there, and does another program remove files?"
        ) from missing

    def records(self) -> list[Record]:
        """Read all records, oldest first."""
        return self.news().records

    def standing(self) -> Standing:
        """Tell what holds, and by which records."""
        news = self.news()
        return msgspec.structs.replace(standing(news.records), names=news.names)

    def pack(self, records: Iterable[Record], made_from: Iterable[str], listed: Listing) -> None:
        """Write a pack for all that is listed; it says that, and removes nothing.

        Args:
            records: to be in it.
            made_from: names of all records that it stands for.
            listed: what it was made from.
        """
        name = f"{listed.newest + 1:020d}-{uuid4().hex[:12]}{PACK}"
        self._location.write(name, encode_pack(now(), records, made_from, listed.packs))

    def remove(self, names: Sequence[str]) -> None:
        """Remove the files of records and of packs; a pack must stand for each."""
        self._location.remove_files(names)

    def _news(self, known: Container[str], packs: Collection[str]) -> News:
        listed = self.listed()
        made: dict[str, Record] = {}
        names: set[str] = set()
        for pack in self._new_packs(listed, known, packs):
            made |= {record.name: record for record in pack.records if record.name not in known}
            names |= pack.header.stands_for
        loose = [name for name in listed.records if name not in names and name not in known]
        made |= {record.name: record for record in self.read(loose)}
        ordered = [made[name] for name in sorted(made)]
        return News(
            ordered, frozenset(names.union(loose)), frozenset(listed.packs).difference(packs)
        )

    def _new_packs(
        self, listed: Listing, known: Container[str], packs: Collection[str]
    ) -> list[Pack]:
        """Read the packs that are new, and that no other one stands for."""
        found: list[Pack] = []
        replaced: set[str] = set()
        for name in reversed(listed.packs):
            if name not in packs and name not in replaced:
                found.append(self.read_pack(name, known))
                replaced.update(found[-1].header.replaces)
        return found


def open_changes(store: str, index: str) -> ChangeLog:
    """Open the log of an index's changes."""
    return ChangeLog(Location(f"{store}/requests/{index}"))
