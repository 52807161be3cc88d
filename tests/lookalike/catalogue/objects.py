"""Writing one file, wherever its URI points."""

from pathlib import Path

from lookalike.catalogue import remote
from lookalike.catalogue.urls import local_path


def put(uri: str, data: bytes) -> None:
    if (path := local_path(uri)) is not None:
        Path(path).write_bytes(data)
        return
    fs, name = remote.file_system(uri)
    fs.pipe_file(name, data)
