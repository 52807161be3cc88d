"""The manifest of a stored version: which files it has, and what each must be."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from lookalike.errors import DigestMismatch, StoreError

FILE_NAME = "manifest.json"
FORMAT = 1


class FileDigest(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file of a version: its path inside the folder, its bytes and their SHA-256.

    ``version`` names the earlier version whose folder the file lies in, where the two
    share it; by default it lies in the folder of the version itself.
    """

    path: str
    bytes: int
    sha256: str
    version: str | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a version holds; ``details`` is the business of the room that wrote it."""

    format: int = FORMAT
    created: str
    files: list[FileDigest]
    details: msgspec.Raw = msgspec.Raw(b"{}")

    def encode(self) -> bytes:
        """Give the manifest as indented JSON; equal manifests give equal bytes."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    def file(self, path: str) -> FileDigest:
        """Give the entry of one file; raise StoreError where the version has none of that path."""
        for file in self.files:
            if file.path == path:
                return file
        raise StoreError(f"the version's manifest names no file {path!r}")


def decode_manifest(data: bytes, where: str) -> Manifest:
    """Read a manifest; raise DigestMismatch, naming ``where``, for one that is damaged."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise DigestMismatch(f"{where} is not a manifest: {error}") from error
    if manifest.format != FORMAT:
        raise DigestMismatch(f"{where} is of format {manifest.format}; this program reads {FORMAT}")
    return manifest


def describe(
    folder: Path, created: str, details: msgspec.Struct, shared: Sequence[FileDigest] = ()
) -> Manifest:
    """Digest every file below ``folder`` into a manifest, beside those shared with others."""
    own = [
        FileDigest(path.relative_to(folder).as_posix(), path.stat().st_size, sha256_of(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    files = sorted([*own, *shared], key=lambda file: file.path)
    return Manifest(created=created, files=files, details=msgspec.Raw(msgspec.json.encode(details)))


def sha256_of(path: Path) -> str:
    """Digest a file of any size, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_file(path: Path, expected: FileDigest) -> None:
    """Raise DigestMismatch unless the file at ``path`` is exactly the expected one."""
    size = path.stat().st_size if path.is_file() else None
    _hold(str(path), size, lambda: sha256_of(path), expected)


def verify_data(data: bytes, where: str, expected: FileDigest) -> None:
    """Raise DigestMismatch, naming ``where``, unless what was read there is the expected file."""
    _hold(where, len(data), lambda: hashlib.sha256(data).hexdigest(), expected)


def _hold(where: str, size: int | None, digest: Callable[[], str], expected: FileDigest) -> None:
    """Compare sizes first: a digest takes as long as reading the whole file."""
    if size != expected.bytes:
        found = "missing" if size is None else f"{size} bytes"
        raise DigestMismatch(f"{where} is {found}, its manifest says {expected.bytes} bytes")
    if (made := digest()) != expected.sha256:
        raise DigestMismatch(f"{where} has SHA-256 {made}, its manifest says {expected.sha256}")
