"""DuckDB: one file on one machine, one writing process at a time, and fast only with many rows per statement."""

from __future__ import annotations

import errno
import logging
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
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
"""How long a line of JSON may be for which DuckDB makes room, more than once, if none is longer; its default is 16."""
_PIECE = 20_000
"""How many staged rows one statement merges."""

# A commit that cannot write says so as if another had been in the way. What follows is a path, and is not shown.
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


class DuckDBDialect(PGDialect):
    """PostgreSQL's statements, which DuckDB takes, with the types that need no variant."""

    name = "duckdb"


class DuckDBEngine(Engine):
    """Write to a DuckDB file.

    :param wait: how many seconds to wait for another process to let go of the file.
    :param sleep: waits that many seconds.
    :param clock: a clock in seconds that never goes back.
    """

    def __init__(
        self,
        hook: Hook,
        *,
        wait: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(hook)
        # The class without a driver: those of psycopg and psycopg2 add casts and double each percent sign.
        self.dialect = DuckDBDialect(paramstyle="qmark")  # type: ignore[no-untyped-call]  # SQLAlchemy has no types there
        self._wait = wait
        self._sleep = sleep
        self._clock = clock

    def open(self) -> Any:
        """Open the file, waiting while another process holds it: DuckDB itself would fail at once."""
        connection = self._waited()
        if not connection.execute(_IN_MEMORY).fetchall():
            return connection
        connection.close()
        raise LoadError(
            f"connection {self.hook.get_conn_id()!r} names no file, so the rows would be gone at once: "
            "set its host to the path of a DuckDB file"
        )

    def _waited(self) -> Any:
        import duckdb

        until = self._clock() + self._wait
        attempt = 0
        while True:
            try:
                return self.hook.get_conn()
            except duckdb.Error as error:
                # Its text holds paths, and with MotherDuck a token: only the holder's process id is taken from it.
                text, name = str(error), type(error).__name__
            if "Could not set lock" not in text:
                raise LoadError(
                    f"connection {self.hook.get_conn_id()!r} cannot be opened ({name}). Its host must be the absolute "
                    "path of a DuckDB file, written by this version of DuckDB or an earlier one, in a directory that "
                    "exists on this worker and that it may write to"
                )
            holder = re.search(r"PID \d+", text)
            held = f"another process{f' ({holder[0]})' if holder else ''} holds its file"
            if self._clock() >= until:
                raise LoadError(
                    f"connection {self.hook.get_conn_id()!r}: {held} for {self._wait:g} s; DuckDB is for one machine, "
                    "and allows one writing process at a time. Let the tasks that write to it share an Airflow pool "
                    "of one slot"
                )
            if attempt == 0:
                log.info("Waiting up to %g s: %s", self._wait, held)
            self._sleep(min(_PAUSES[min(attempt, len(_PAUSES) - 1)], max(until - self._clock(), 0.0)))
            attempt += 1

    def shape(self, connection: Any, table: Table) -> Shape | None:
        """Read the columns from DuckDB's catalogue; it compares names without regard to case."""
        found = self.run(connection, _SHAPE, [table.schema, table.name])
        if not found:
            return None
        # Its TIMESTAMP, and those in other units as TIMESTAMP_MS, have no zone, and so are no instants.
        kinds = {
            name: "timestamp without time zone" if kind.startswith("timestamp") and "zone" not in kind else kind
            for name, kind, _ in found
        }
        return Shape(kinds, frozenset(name for name, _, key in found if key))

    def has_schema(self, connection: Any, name: str) -> bool:
        """Look into DuckDB's catalogue."""
        ask = (
            "SELECT 1 FROM duckdb_schemas() WHERE database_name = current_database() AND lower(schema_name) = lower(?)"
        )
        return bool(self.run(connection, ask, [name]))

    def run(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        found: list[tuple[Any, ...]] = connection.execute(sql, list(parameters)).fetchall()
        return found

    def change(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; its answer is one row, how many rows it changed."""
        return int(self.run(connection, sql, parameters)[0][0])

    def begin_staging(self, connection: Any) -> None:
        """Begin a transaction."""
        connection.begin()

    def begin_merging(self, connection: Any) -> None:
        """Begin a transaction."""
        connection.begin()

    def append(self, connection: Any, stage: Stage, rows: Sequence[Row]) -> None:
        """Let DuckDB read a file of JSON lines: the fastest way in that needs no further library."""
        kind = msgspec.defstruct("Row", list(stage.names))
        lines = msgspec.json.Encoder().encode_lines([kind(*row) for row in rows])
        longest = max(map(len, lines.split(b"\n"))) + 1
        types = ", ".join(f"{c.name}: '{c.type.compile(self.dialect)}'" for c in stage.table.c)
        with tempfile.NamedTemporaryFile(prefix="meetings-", suffix=".ndjson") as file:
            file.write(lines)
            file.flush()
            connection.execute(
                f"INSERT INTO {stage.table.name} SELECT * FROM read_json(?, format = 'newline_delimited', "  # noqa: S608 - names of our own
                f"columns = {{{types}}}, maximum_object_size = {max(longest, _LINE)})",
                [file.name],
            )

    def merge(self, connection: Any, merge: Merge) -> int:
        """Merge with ON CONFLICT, piece by piece: a million rows take less than half the time, and less memory.

        The answer counts what was inserted or, where DO UPDATE's WHERE held, updated.
        """
        name = merge.stage.table.name
        # The numbers of rows that this transaction has inserted itself begin beyond 2^55.
        ((first, last),) = self.run(connection, f"SELECT min(rowid), max(rowid) FROM {name}")  # noqa: S608 - names of our own
        counts = 0
        for start in range(first, last + 1, _PIECE) if first is not None else ():
            piece = literal_column(f"{name}.rowid").between(
                literal_column(f"{start}"), literal_column(f"{start + _PIECE - 1}")
            )
            some = replace(merge, where=piece if merge.where is None else and_(piece, merge.where))
            counts += self.change(connection, on_conflict(some, insert, self.dialect, read_json=cast))
        return counts

    def undo(self, connection: Any) -> None:
        """Take back what was merged; a commit that failed has done so already."""
        import duckdb

        with suppress(duckdb.TransactionException):
            connection.rollback()
        self.begin_merging(connection)

    def contended(self, error: Exception) -> bool:
        """Tell whether another connection of this process was in the way; other processes wait for the file."""
        name, text = type(error).__name__, str(error)
        # What another has inserted since this transaction began is seen by the key alone, and not by ON CONFLICT.
        behind_the_key = text.rpartition('"')[2]
        inserted = name == "ConstraintException" and behind_the_key.startswith(" violates primary key constraint")
        return inserted or (name == "TransactionException" and not _UNWRITTEN.match(text))

    def explain(self, error: Exception) -> str:
        """Say what the class of the error means; its text may repeat values."""
        told = type(error).__name__
        if isinstance(error, OSError) and error.errno is not None:
            told += f" {errno.errorcode.get(error.errno, '')}"
        if isinstance(error, OSError) or told == "IOException" or _UNWRITTEN.match(str(error)):
            told += (
                ": the disk that holds the database, or the one for temporary files, is full or fails. "
                "Make room, and run the task again"
            )
        elif told == "InvalidInputException" and "read-only mode" in str(error):
            told += (
                ": the file may not be written to. Give the worker the right to, and take read_only out of the "
                "connection's extra"
            )
        elif told == "PermissionException":
            told += ": the connection forbids DuckDB to read files, by which rows come. Allow external access"
        return told
