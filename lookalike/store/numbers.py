"""Numbers for versions: each is given to one publisher, and never twice."""

from uuid import uuid4

from lookalike.store.location import Location

# Below a number's folder of an object store. It is no manifest, so that nothing takes a number
# that was reserved for a version; where its publisher was killed, the number is a gap.
RESERVED = ".reserved"


def next_number(location: Location) -> str:
    """Give the number after every folder there is, complete or not.

    On a local disk two publishers may be given the same; the rename into place tells who has it.
    An object store has no such rename, and files of both would mix: there it is reserved first.
    """
    taken = [int(name) for name in location.names("*") if name.isdecimal()]
    number = max([0, *taken]) + 1
    while location.local is None and not _reserved(location, number):
        number += 1
    return str(number)


def _reserved(location: Location, number: int) -> bool:
    name, owner = f"{number}/{RESERVED}", uuid4().hex.encode()
    try:
        location.create(name, owner)
    except FileExistsError:
        return False
    # Not every object store keeps two from creating one file at once: the later one has it.
    return location.read(name) == owner
