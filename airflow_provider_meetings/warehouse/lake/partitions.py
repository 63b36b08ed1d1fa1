"""Name, read and replace the object of a partition.

A partition is one object with a fixed name. Stores replace an object atomically, but not a folder, so a reader sees
either the old or the new state of a partition.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from airflow_provider_meetings.api.landing.store import Plan, Precondition, PreconditionFailed, Store
from airflow_provider_meetings.warehouse.merge.convert import ConversionError, utc_datetime

COLUMN = "dt"
"""The partition column; ``date`` is a reserved word in Hive."""
DEFAULT = "__HIVE_DEFAULT_PARTITION__"
"""Hive's partition for rows without a value."""

_FILE = "rows.parquet"
_DATED = re.compile(rf"{COLUMN}=(\d{{4}}-\d\d-\d\d)/{re.escape(_FILE)}")
_READ_ATTEMPTS = 5
_CHUNK = 1024 * 1024
_MEDIA_TYPE = "application/vnd.apache.parquet"


def day_of(value: object) -> str | None:
    """Return the day of a time in UTC; None without a valid time."""
    try:
        return None if value is None else utc_datetime(value).date().isoformat()
    except ConversionError:
        return None


def key(table: str, day: str) -> str:
    """Return the key of a partition's object, relative to the lake's root."""
    return f"{table}/{COLUMN}={day}/{_FILE}"


def is_object(name: str) -> bool:
    """Return whether an object is that of a partition."""
    return name.endswith(f"/{_FILE}")


def days(store: Store, table: str) -> Iterator[str]:
    """Yield the days of a table's partitions, without the default partition."""
    for listed in store.walk(table):
        if found := _DATED.fullmatch(listed.key.removeprefix(f"{table}/")):
            yield found[1]


def exist(store: Store, table: str) -> bool:
    """Return whether a table has a partition."""
    return store.stat(key(table, DEFAULT)) is not None or any(days(store, table))


def fetch(store: Store, name: str, path: Path) -> Precondition:
    """Download an object, and return the precondition for replacing it; no file is created without an object.

    :raises PreconditionFailed: if other writers replace the object during each read.
    """
    for _ in range(_READ_ATTEMPTS):
        stat = store.stat(name)
        if stat is None:
            return Precondition(None)
        try:
            digest = _download(store, name, path)
        except FileNotFoundError:
            continue
        # Checked again, because the content and the first stat could be of different versions.
        if store.stat(name) == stat and path.stat().st_size == stat.size:
            return Precondition(stat, digest)
    path.unlink(missing_ok=True)
    raise PreconditionFailed(store.uri(name))


def publish(store: Store, name: str, path: Path, seen: Precondition) -> Precondition:
    """Replace an object by a file, and return its new state; return `seen` itself if the content is the same.

    :raises BlockingIOError: if another process writes the object, or has done so since it was read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest == seen.sha256:
            return seen
        file.seek(0)
        plan = Plan(media_type=_MEDIA_TYPE, length=path.stat().st_size, if_match=seen, hidden=True)
        writer = store.writer(name, plan)
        try:
            while chunk := file.read(_CHUNK):
                writer.write(chunk)
            return Precondition(writer.publish(), digest)
        except BaseException:
            writer.abort()
            raise


def _download(store: Store, name: str, path: Path) -> str:
    digest = hashlib.sha256()
    chunks = store.open(name)
    with path.open("wb") as file, closing(chunks):
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
    return digest.hexdigest()
