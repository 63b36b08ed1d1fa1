"""DuckDB: one file, one writing process at a time; fast only with many rows per statement."""

from __future__ import annotations

import errno
import logging
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Table, and_, cast, literal_column
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.base import PGDialect

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Engine, Hook, Shape
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.merge.staging import Stage
from airflow_provider_meetings.warehouse.merge.statements import Merge, on_conflict

log = logging.getLogger(__name__)

_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
_LINE = 1024 * 1024
"""Maximum length of a JSON line, unless one is longer; DuckDB allocates it several times. Its default is 16 MiB."""
_PIECE = 20_000
"""Staged rows per merge statement."""

# A commit that cannot write raises the same error class as a conflict. A path follows, which is not shown.
_UNWRITTEN = re.compile(r"TransactionContext Error: Failed to commit: (?:IO Error: )?Could not ")
_SHAPE = """
    SELECT lower(c.column_name), lower(c.data_type), list_contains(k.names, lower(c.column_name))
    FROM duckdb_columns() c LEFT JOIN (
        SELECT table_oid, list_transform(constraint_column_names, lambda n: lower(n)) AS names
        FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'
    ) k USING (table_oid)
    WHERE c.database_name = current_database() AND lower(c.schema_name) = lower(coalesce(?, current_schema()))
    AND lower(c.table_name) = lower(?)
"""
_IN_MEMORY = """
    SELECT 1 FROM duckdb_databases() WHERE database_name = current_database() AND path IS NULL AND type = 'duckdb'
"""

# DuckDB before 1.4 has no encrypted files, and no such column: then it is that of the outer query.
_READABLE_FILE = """
    SELECT found.* FROM (SELECT false AS encrypted) AS older, LATERAL (
        SELECT database_name, path FROM duckdb_databases()
        WHERE database_name = current_database() AND path IS NOT NULL AND type = 'duckdb' AND NOT encrypted
    ) AS found
"""


class DuckDBDialect(PGDialect):
    """PostgreSQL's dialect, which DuckDB understands, without the type variants for PostgreSQL."""

    name = "duckdb"


class DuckDBEngine(Engine):
    """Write to a DuckDB file.

    :param wait: maximum seconds to wait for another process to close the file.
    :param sleep: sleep for a number of seconds.
    :param clock: a monotonic clock in seconds.
    """

    schema_query = (
        "SELECT 1 FROM duckdb_schemas() WHERE database_name = current_database() AND lower(schema_name) = lower(?)"
    )

    def __init__(
        self,
        hook: Hook,
        *,
        wait: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(hook)
        # The dialect without a driver: those of psycopg and psycopg2 add casts and double percent signs.
        self.dialect = DuckDBDialect(paramstyle="qmark")  # type: ignore[no-untyped-call]  # SQLAlchemy has no types there
        self._wait = wait
        self._sleep = sleep
        self._clock = clock

    def open(self) -> Any:
        """Open the file; wait while another process has it open, where DuckDB would fail."""
        connection = self._connect()
        if not connection.execute(_IN_MEMORY).fetchall():
            return connection
        connection.close()
        raise LoadError(
            f"connection {self.hook.get_conn_id()!r} has no file, so the rows would be lost: "
            "set its host to the path of a DuckDB file"
        )

    def _connect(self) -> Any:
        import duckdb

        until = self._clock() + self._wait
        attempt = 0
        while True:
            try:
                return self.hook.get_conn()
            except duckdb.Error as error:
                # The text contains paths and, with MotherDuck, a token: only the process id is taken from it.
                text, name = str(error), type(error).__name__
            if "Could not set lock" not in text:
                raise LoadError(
                    f"connection {self.hook.get_conn_id()!r} cannot be opened ({name}). Its host must be the absolute "
                    "path of a DuckDB file, written by this version of DuckDB or an earlier one, in a directory that "
                    "exists on this worker and that it may write to"
                )
            holder = re.search(r"PID \d+", text)
            reason = f"another process{f' ({holder[0]})' if holder else ''} has its file open"
            if self._clock() >= until:
                raise LoadError(
                    f"connection {self.hook.get_conn_id()!r}: {reason} for {self._wait:g} s; DuckDB allows one writing "
                    "process at a time. Let the tasks that write to it share an Airflow pool of one slot"
                )
            if attempt == 0:
                log.info("Waiting up to %g s: %s", self._wait, reason)
            self._sleep(min(_PAUSES[min(attempt, len(_PAUSES) - 1)], max(until - self._clock(), 0.0)))
            attempt += 1

    def shape(self, connection: Any, table: Table) -> Shape:
        """Read the columns from DuckDB's catalog; DuckDB compares names case-insensitively."""
        found = self.run(connection, _SHAPE, [table.schema, table.name])
        # TIMESTAMP and its other units, such as TIMESTAMP_MS, have no time zone.
        kinds = {
            name: "timestamp without time zone" if kind.startswith("timestamp") and "zone" not in kind else kind
            for name, kind, _ in found
        }
        return Shape(kinds, frozenset(name for name, _, key in found if key))

    def run(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = connection.execute(sql, list(parameters)).fetchall()
        return found

    def change(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; its result is the number of changed rows."""
        return int(self.run(connection, sql, parameters)[0][0])

    def begin_staging(self, connection: Any) -> None:
        connection.begin()

    begin_merging = begin_staging

    def append(self, connection: Any, stage: Stage, rows: Sequence[Row]) -> None:
        """Load a file of JSON lines: the fastest way without another library."""
        kind = msgspec.defstruct("Row", list(stage.names))
        lines = msgspec.json.Encoder().encode_lines([kind(*row) for row in rows])
        longest = max(map(len, lines.split(b"\n"))) + 1
        types = ", ".join(f"{c.name}: '{c.type.compile(self.dialect)}'" for c in stage.table.c)
        with tempfile.NamedTemporaryFile(prefix="meetings-", suffix=".ndjson") as file:
            file.write(lines)
            file.flush()
            connection.execute(
                f"INSERT INTO {stage.table.name} SELECT * FROM read_json(?, format = 'newline_delimited', "  # noqa: S608 - not the user's text
                f"columns = {{{types}}}, maximum_object_size = {max(longest, _LINE)})",
                [file.name],
            )

    def merge(self, connection: Any, merge: Merge) -> int:
        """Merge with ON CONFLICT, in pieces: a million rows take less than half the time, and less memory.

        DuckDB counts the rows that were inserted or updated.
        """
        name = merge.stage.table.name
        # Row ids of the current transaction start above 2^55.
        ((first, last),) = self.run(connection, f"SELECT min(rowid), max(rowid) FROM {name}")  # noqa: S608 - not the user's text
        counts = 0
        for start in range(first, last + 1, _PIECE) if first is not None else ():
            piece = literal_column(f"{name}.rowid").between(
                literal_column(f"{start}"), literal_column(f"{start + _PIECE - 1}")
            )
            some = replace(merge, where=piece if merge.where is None else and_(piece, merge.where))
            counts += self.change(connection, on_conflict(some, insert, self.dialect, read_json=cast))
        return counts

    def restore_stages(self, connection: Any) -> None:
        """Roll back the merge; a failed commit has rolled it back already."""
        import duckdb

        with suppress(duckdb.TransactionException):
            connection.rollback()
        self.begin_merging(connection)

    def wipe(self, connection: Any) -> None:
        """Replace the file by a copy: DuckDB keeps the bytes of deleted rows, and VACUUM does not remove them."""
        for name, file in self.run(connection, _READABLE_FILE):
            path = Path(file).resolve()
            copy = path.with_name(f"{path.name}.copy")
            copy.unlink(missing_ok=True)  # of an erasure that was killed
            quoted, address = self.dialect.identifier_preparer.quote(name), str(copy).replace("'", "''")
            reason = ""
            try:
                connection.execute(f"ATTACH '{address}' AS meetings_copy")
                connection.execute(f"COPY FROM DATABASE {quoted} TO meetings_copy")
                connection.execute("DETACH meetings_copy; CHECKPOINT")
                shutil.copymode(path, copy)
                copy.replace(path)  # the lock of the old file is held until the connection is closed
            except Exception as error:
                reason = self.explain(error)
            if reason:
                copy.unlink(missing_ok=True)
                raise LoadError(
                    f"rows were removed, but the file still has their bytes, since it cannot be copied ({reason}). "
                    "Another connection of this process may be writing. DuckDB 1.4 copies no table whose name sorts "
                    "before that of its foreign key: upgrade it, or drop that table. Then apply the plan again"
                )

    def is_write_conflict(self, error: Exception) -> bool:
        """Return whether another connection of this process wrote the same rows; other processes wait for the file."""
        name, text = type(error).__name__, str(error)
        # Rows that another connection has inserted since this transaction began violate the key despite ON CONFLICT.
        behind_the_key = text.rpartition('"')[2]
        inserted = name == "ConstraintException" and behind_the_key.startswith(" violates primary key constraint")
        return inserted or (name == "TransactionException" and not _UNWRITTEN.match(text))

    def explain(self, error: Exception) -> str:
        """Explain the class of the error; its text may contain values."""
        reason = type(error).__name__
        if isinstance(error, OSError) and error.errno is not None:
            reason += f" {errno.errorcode.get(error.errno, '')}"
        if isinstance(error, OSError) or reason == "IOException" or _UNWRITTEN.match(str(error)):
            reason += (
                ": the disk of the database, or that of temporary files, is full or fails. "
                "Free space, and run the task again"
            )
        elif reason == "InvalidInputException" and "read-only mode" in str(error):
            reason += (
                ": the file is read-only. Make it writable for the worker, and remove read_only from the "
                "connection's extra"
            )
        elif reason == "PermissionException":
            reason += ": the connection does not allow DuckDB to read files, which loading needs. Allow external access"
        return reason
