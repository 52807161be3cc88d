"""When the catalogue was last read for an index, whether that changed the index or not."""

from fsspec.core import url_to_fs

from lookalike.index import ModelReference
from lookalike.settings import Settings
from lookalike.store import Location

# Of SQLite's file header: which mode the file is in (www.sqlite.org/fileformat.html).
MODE_BYTE, WRITE_AHEAD = 18, 2


def last_extraction(settings: Settings, model: ModelReference) -> float | None:
    """Tell when an extraction by a model last ended well, in Unix time; None: that is not known.

    A rebuild that finds nothing changed keeps the version that is served, so that only the
    extraction's ledgers tell of it.
    """
    location = Location(f"{settings.store}/ledgers/{settings.index}")
    try:
        ledgers = location.names(f"{model.name}-{model.version}-*/part-*.sqlite")
        ended = [_changed_at(location, name) for name in ledgers if _has_ended(location, name)]
    except (OSError, NotImplementedError):  # it may not be read, or the file system knows no times
        return None
    return max(ended, default=None)


def _has_ended(location: Location, ledger: str) -> bool:
    """Tell it of a ledger: its file is in the write-ahead mode until its extraction ends well."""
    with location.open(ledger) as file:
        head = file.read(MODE_BYTE + 1)
    return len(head) > MODE_BYTE and head[MODE_BYTE] != WRITE_AHEAD


def _changed_at(location: Location, name: str) -> float:
    system, path = url_to_fs(f"{location.url}/{name}")
    return float(system.modified(path).timestamp())
