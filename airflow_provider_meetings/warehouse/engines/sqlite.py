"""SQLite: one file, one writer at a time; times are stored as text that sorts by time."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import DateTime, Table, Text
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeEngine

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Engine, Hook, Shape
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.merge.staging import Stage
from airflow_provider_meetings.warehouse.merge.statements import Merge, on_conflict

# SQLite writes stages that exceed its cache to a temporary file.
_CACHE_KIB = 64 * 1024
_FOLDED = """
    SELECT lower(part.name), part.coll FROM pragma_index_list(?) AS found, pragma_index_xinfo(found.name) AS part
    WHERE found.origin = 'pk' AND part.key AND part.coll <> 'BINARY'
"""

_encode = msgspec.json.Encoder().encode
_decode_texts = msgspec.json.Decoder(list[str | None]).decode


class SQLiteEngine(Engine):
    """Write to a SQLite file.

    :param wait: maximum seconds to wait for another writer.
    """

    open_hint = (
        ". Its host must be the absolute path of a SQLite file in a directory that exists on this worker and that it "
        "may write to"
    )

    def __init__(self, hook: Hook, *, wait: float = 120.0) -> None:
        super().__init__(hook)
        self.dialect = sqlite.dialect(paramstyle="qmark")
        self._wait = wait

    def prepare(self, connection: sqlite3.Connection) -> None:
        # Otherwise Python begins transactions itself, before some statements.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {int(self._wait * 1000)}")
        for database in ("main", "temp"):
            connection.execute(f"PRAGMA {database}.cache_size = -{_CACHE_KIB}")
        connection.execute("PRAGMA schema_version")
        if not connection.execute("PRAGMA database_list").fetchone()[2]:
            raise LoadError("it has no file, so the rows would be lost")

    def shape(self, connection: sqlite3.Connection, table: Table) -> Shape:
        """Read the columns from ``PRAGMA table_info``; SQLite compares names case-insensitively."""
        found = self.run(connection, "SELECT lower(name), lower(type), pk FROM pragma_table_info(?)", [table.name])
        folded = self.run(connection, _FOLDED, [table.name])
        key = frozenset(name for name, _, pk in found if pk)
        return Shape({name: kind for name, kind, _ in found}, key, dict(folded))

    def is_compatible(self, existing: str, required: TypeEngine[Any]) -> bool:
        """Return whether the column stores text unchanged: some convert the ids 007 and 7 to the same number."""
        # https://www.sqlite.org/datatype3.html#determination_of_column_affinity
        is_text = "int" not in existing and re.search("char|clob|text|blob", existing)
        return not isinstance(required, Text) or not existing or bool(is_text)

    def execute(self, cursor: sqlite3.Cursor, sql: str, parameters: Sequence[Any]) -> None:
        cursor.execute(sql, [_bound(value) for value in parameters])

    def begin_staging(self, connection: sqlite3.Connection) -> None:
        """Begin a transaction without a lock: temporary tables are in a separate file."""
        connection.execute("BEGIN")

    def begin_merging(self, connection: sqlite3.Connection) -> None:
        """Take the write lock, so that no other process writes between reads and writes."""
        connection.execute("BEGIN IMMEDIATE")

    def append(self, connection: sqlite3.Connection, stage: Stage, rows: Sequence[Row]) -> None:
        marks = ", ".join("?" * len(stage.names))
        connection.executemany(
            f"INSERT INTO {stage.table.name} VALUES ({marks})",  # noqa: S608 - not the user's text
            _with_text_times(stage, rows),
        )

    def index_stage(self, connection: sqlite3.Connection, stage: Stage) -> None:
        """Index the stage: SQLite would read all of it for each lookup otherwise."""
        name = stage.table.name
        connection.execute(f"CREATE INDEX temp.{name}_key ON {name} ({', '.join(stage.key)})")

    def merge(self, connection: sqlite3.Connection, merge: Merge) -> int:
        """Merge with ON CONFLICT; rowcount excludes the rows that the WHERE of DO UPDATE skips."""
        return connection.execute(on_conflict(merge, sqlite.insert, self.dialect)).rowcount

    def wipe(self, connection: sqlite3.Connection) -> None:
        connection.execute("VACUUM")
        if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise LoadError(
                f"rows were removed, but the file's log still has their bytes: another connection was reading for "
                f"{self._wait:g} s. Let it end, and apply the plan again"
            )

    def explain(self, error: Exception) -> str:
        name = getattr(error, "sqlite_errorname", None)
        reason = f"{type(error).__name__} {name}" if name else type(error).__name__
        if name and name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            reason += f", another process was writing for {self._wait:g} s"
        elif name == "SQLITE_FULL" or (name or "").startswith("SQLITE_IOERR"):
            reason += ": the disk of the file is full or fails. Free space, and run the task again"
        elif (name or "").startswith("SQLITE_READONLY"):
            reason += ": the file is read-only. Make it writable for the worker"
        return reason


def _with_text_times(stage: Stage, rows: Sequence[Row]) -> Iterable[Row]:
    """Convert times to text, column by column."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for place, name in enumerate(stage.names):
        if isinstance(stage.table.c[name].type, DateTime):
            columns[place] = _texts(columns[place])
    return zip(*columns, strict=True)


def _texts(times: Sequence[datetime | None]) -> list[str | None]:
    first = times[0]
    if first is not None and all(time is first for time in times):  # as the time of the load is
        return [_bound(first)] * len(times)
    # Ten times as fast as isoformat. Writes YYYY-MM-DDTHH:MM:SS.ffffffZ, without the fraction where that is zero.
    written = _decode_texts(_encode(times))
    return [text and f"{text[:10]} {text[11:19]}{text[19:-1] or '.000000'}+00:00" for text in written]


def _bound(value: Any) -> Any:
    # Fixed width and UTC: text order is time order, and SQLite's date functions parse it.
    # Python's own adapter for datetime is deprecated since 3.12.
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    return value
