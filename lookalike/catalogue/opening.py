"""Telling by its spelling what kind of catalogue a source is."""

import re
from pathlib import Path

from lookalike.catalogue.base import Catalogue
from lookalike.catalogue.bucket import Bucket
from lookalike.catalogue.database import Query
from lookalike.catalogue.folder import Folder
from lookalike.catalogue.manifest import ManifestFile
from lookalike.catalogue.tables import SUFFIXES, is_table
from lookalike.catalogue.urls import local_path, redacted, scheme_of, without_query
from lookalike.errors import ConfigurationError, DataError

DATABASES = frozenset({"mariadb", "mssql", "mysql", "oracle", "postgres", "postgresql", "sqlite"})

# A host with a user and a port, or a bucket: without a password.
HOST = re.compile(r"([^:@]*@)?[^:@]*(:\d*)?")


def open_catalogue(source: str, query: str | None = None) -> Catalogue:
    """Open the pictures that a source lists.

    Args:
        source: a local folder; a Parquet or CSV file, local or a URL; a URL prefix that
            fsspec lists, such as ``s3://bucket/folder``; or, with ``query``, the URL of a
            database as SQLAlchemy spells it.
        query: a SELECT whose columns are a manifest's: id, uri, label, attributes.

    Raises:
        DataError: there is no such thing, or it lacks a column.
        ConfigurationError: the source is empty, it and the query do not go together, or a
            package that reads such a source is not installed; the message says which.
        SourceUnavailable: a bucket or a database cannot be reached.
    """
    if query is not None:
        return Query(source, query)
    if not source:  # a path to it would be the current folder
        raise ConfigurationError("the source is empty: say where the pictures are")
    scheme = scheme_of(source)
    if scheme in ("", "file"):
        return _open_local(Path(_path(source)).absolute())
    if scheme.split("+")[0] in DATABASES:
        raise ConfigurationError(f"{scheme}:// is a database: say with --query what to select")
    source = scheme + source[len(scheme) :]  # one spelling for all the pictures' URIs
    _check_no_password(source)
    return ManifestFile(source) if is_table(without_query(source)) else Bucket(source)


def _open_local(path: Path) -> Catalogue:
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise DataError(f"there is no {path}")
    if not is_table(path.name):
        raise DataError(f"{path} is neither a folder nor a manifest ({', '.join(SUFFIXES)})")
    return ManifestFile(str(path))


def _path(source: str) -> str:
    try:
        return local_path(source) or "" if scheme_of(source) else source
    except OSError as error:
        raise DataError(str(error)) from error


def _check_no_password(source: str) -> None:
    """Every picture's URI would show it, in the index and in every answer."""
    host = source.partition("://")[2].partition("/")[0]
    # Below a host or a bucket, "10:30@home" is a name. A password may have slashes itself.
    if "***" in redacted(source) and not HOST.fullmatch(host):
        raise ConfigurationError(
            f"{redacted(source)} is spelt with a password, which would get into the pictures' "
            "URIs: leave it out, and set it in fsspec's configuration or the environment"
        )
