"""Listing what is below a folder of a remote storage, a page or a folder at a time."""

from collections.abc import Iterator, Mapping
from typing import Any

PAGE = 1000  # objects that are asked for at a time, the most that S3 gives

Entry = Mapping[str, Any]


def objects_below(fs: Any, root: str) -> Iterator[Entry]:
    """List every object below a folder, as fsspec describes objects (``name``, ``size``, …).

    S3 and GCS list one flat space of keys, in pages (``PAGE``), sorted by the keys' UTF-8
    bytes; other storages are walked folder by folder, in the same order. So a name below the
    root comes sorted, whatever the storage. In memory are no more than a page, or all entries of
    the folders on the way to one: a flat folder of another storage is there whole.
    """
    protocols = {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
    if "s3" in protocols:
        return _in_s3(fs, root)
    if "gs" in protocols:
        return _in_gcs(fs, root)
    return _walked(fs, root)


def _in_s3(fs: Any, root: str) -> Iterator[Entry]:
    bucket, key, _ = fs.split_path(root)
    question = {"Bucket": bucket, "Prefix": f"{key}/" if key else "", "MaxKeys": PAGE}
    while True:
        page = fs.call_s3("list_objects_v2", **question)
        for found in page.get("Contents", ()):
            yield {**found, "name": f"{bucket}/{found['Key']}", "size": found["Size"]}
        if not page.get("IsTruncated"):
            return
        question["ContinuationToken"] = page["NextContinuationToken"]


def _in_gcs(fs: Any, root: str) -> Iterator[Entry]:
    bucket, key, _ = fs.split_path(root)
    question = {"prefix": f"{key}/" if key else "", "maxResults": PAGE}
    while True:
        page = fs.call("GET", "b/{}/o", bucket, json_out=True, **question)
        for found in page.get("items", ()):
            yield {**found, "name": f"{bucket}/{found['name']}"}
        if not page.get("nextPageToken"):
            return
        question["pageToken"] = page["nextPageToken"]


def _walked(fs: Any, folder: str) -> Iterator[Entry]:
    entries = fs.ls(folder, detail=True)
    for entry in sorted(entries, key=lambda e: e["name"] + "/" * (e["type"] == "directory")):
        if entry["type"] == "directory":
            yield from _walked(fs, entry["name"].rstrip("/"))
        elif entry["type"] == "file":
            yield entry
