"""Where a partition's object stands, and how one is read and replaced.

A partition is one object under a name that never changes. No store replaces a folder at once, and every one replaces
an object at once: so whoever reads a partition sees all of it as it was, or all of it as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from airflow_provider_meetings.api.landing.store import Plan, Precondition, PreconditionFailed, Store
from airflow_provider_meetings.warehouse.merge.convert import Unfit, moment

COLUMN = "dt"
"""The partition column: ``date`` is a word of the language in Hive."""
DEFAULT = "__HIVE_DEFAULT_PARTITION__"
"""Hive's partition of what has no value."""

_FILE = "rows.parquet"
_DATED = re.compile(rf"{COLUMN}=(\d{{4}}-\d\d-\d\d)/{re.escape(_FILE)}")
_READS = 5
_PIECE = 1024 * 1024
_MEDIA_TYPE = "application/vnd.apache.parquet"


def day_of(value: object) -> str | None:
    """Return the day of a time in UTC; None where there is no time that could be read."""
    try:
        return None if value is None else moment(value).date().isoformat()
    except Unfit:
        return None


def key(table: str, day: str) -> str:
    """Return the name of a partition's object below the lake's root."""
    return f"{table}/{COLUMN}={day}/{_FILE}"


def days(store: Store, table: str) -> Iterator[str]:
    """Yield the days of which there are partitions; the one without a day is not among them."""
    for listed in store.walk(table):
        if found := _DATED.fullmatch(listed.key.removeprefix(f"{table}/")):
            yield found[1]


def fetch(store: Store, name: str, path: Path) -> Precondition:
    """Copy an object to a file, and tell which one it was; no file is made if there is no object.

    :raises PreconditionFailed: if it is replaced again and again while it is read.
    """
    for _ in range(_READS):
        stat = store.stat(name)
        if stat is None:
            return Precondition(None)
        try:
            digest = _copied(store, name, path)
        except FileNotFoundError:
            continue
        # Asked again: else the content could be of one object and the mark of another.
        if store.stat(name) == stat and path.stat().st_size == stat.size:
            return Precondition(stat, digest)
    path.unlink(missing_ok=True)
    raise PreconditionFailed(store.uri(name))


def publish(store: Store, name: str, path: Path, seen: Precondition) -> Precondition:
    """Replace an object by a file, and return what stands there now: `seen` itself if it was the same already.

    :raises BlockingIOError: if another process writes there, or has since it was read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest == seen.sha256:
            return seen
        file.seek(0)
        plan = Plan(media_type=_MEDIA_TYPE, length=path.stat().st_size, if_match=seen, hidden=True)
        writer = store.writer(name, plan)
        try:
            while piece := file.read(_PIECE):
                writer.write(piece)
            return Precondition(writer.publish(), digest)
        except BaseException:
            writer.abort()
            raise


def _copied(store: Store, name: str, path: Path) -> str:
    digest = hashlib.sha256()
    pieces = store.open(name)
    with path.open("wb") as file, closing(pieces):  # type: ignore[type-var]  # stores yield from generators
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
    return digest.hexdigest()
