"""SQLite: one file, one writer at a time; times are stored as text that sorts as they do."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite

from airflow_provider_meetings.warehouse.engine import Engine, Hook
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.upsert import Upsert, on_conflict
from airflow_provider_meetings.warehouse.values import Row


class SQLiteEngine(Engine):
    """Write to a SQLite file.

    :param wait: how many seconds to wait for another writer.
    """

    takes_schema = False

    def __init__(self, hook: Hook, *, wait: float = 120.0) -> None:
        super().__init__(hook)
        self.dialect = sqlite.dialect(paramstyle="qmark")
        self._wait = wait

    def open(self) -> sqlite3.Connection:
        """Open the file and take its write lock, so that nobody writes between our reads and our writes."""
        connection = None
        try:
            connection = self.hook.get_conn()
            # Python would else begin transactions by itself, and only before some statements.
            connection.isolation_level = None
            connection.execute(f"PRAGMA busy_timeout = {int(self._wait * 1000)}")
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA database_list").fetchone()[2]:
                return connection  # type: ignore[no-any-return]  # the hook says Any
            fault = "names no file, so the rows would be gone at once: set its host to the path of a file"
        except sqlite3.Error as error:
            fault = (
                f"cannot be opened for writing ({self.explain(error)}). Its host must be the absolute path of a SQLite "
                "file in a directory that exists on this worker and that it may write to"
            )
        if connection is not None:
            connection.close()
        raise LoadError(f"connection {self.hook.get_conn_id()!r} {fault}")

    def columns(self, connection: sqlite3.Connection, table: Table) -> frozenset[str]:
        """Read the columns from ``PRAGMA table_info``."""
        found = self.run(connection, "SELECT name FROM pragma_table_info(?)", [table.name])
        return frozenset(str(name).lower() for (name,) in found)

    def run(self, connection: sqlite3.Connection, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        return connection.execute(sql, [_bound(value) for value in parameters]).fetchall()

    def upsert(self, connection: sqlite3.Connection, upsert: Upsert, rows: Sequence[Row]) -> int:
        """Upsert with one prepared statement."""
        prepared = on_conflict(upsert, sqlite.insert, self.dialect, rows=1)
        names = [name for _, name in prepared.order]
        # rowcount leaves out the rows that the WHERE of DO UPDATE passed over.
        return connection.executemany(prepared.sql, ([_bound(row[n]) for n in names] for row in rows)).rowcount

    def explain(self, error: Exception) -> str:
        """Give SQLite's own name of the error, such as SQLITE_BUSY, which holds no values."""
        name = getattr(error, "sqlite_errorname", None)
        told = f"{type(error).__name__} {name}" if name else type(error).__name__
        if name and name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            told += f", another process was writing for {self._wait:g} s"
        return told


def _bound(value: Any) -> Any:
    # Fixed width and UTC, so that text order is time order; SQLite's date functions read this form.
    # Python's own adapter for datetime is deprecated since 3.12.
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    return value
