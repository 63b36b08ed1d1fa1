"""PostgreSQL, through psycopg 3 or 2: rows come by COPY into a temporary table."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Table, cast
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.base import PGDialect

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Engine, Hook, Shape
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.merge.staging import Stage
from airflow_provider_meetings.warehouse.merge.statements import Merge, on_conflict

_SHAPE = """
    SELECT a.attname, format_type(a.atttypid, NULL), coalesce(a.attnum = ANY (i.indkey), false)
    FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""
_DDL_LOCK = 0x6D656574696E6773  # "meetings"; held until the transaction ends
_BINARY: Mapping[type, str] = {DateTime: "timestamptz", BigInteger: "int8", Boolean: "bool"}
_SPECIAL = re.compile(r"[\\\n\r\t]")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_HINTS: Mapping[str, str] = {
    "08": "the connection to the server was lost. Nothing was written: run the task again",
    "25006": "the server only reads, as a standby does, or this login may: connect to the primary, or take "
    "default_transaction_read_only from the login",
    "28": "the server refuses the login: check the connection's login and password",
    "3D": "there is no such database: check the connection's schema field",
    "3F": "there is no such schema: name another, or have it created",
    "40": "other writers were in the way again and again. Run the task again",
    "42501": "the login lacks a right: it needs CREATE in the schema, or the tables made for it with SELECT, INSERT "
    "and UPDATE on them; and TEMPORARY in the database",
    "54": "a value is larger than the database takes: an id of thousands of characters, or a text of hundreds of MB",
    "53100": "the server's disk is full. Nothing was written: make room, and run the task again",
    "53": "the server lacks room or connections. Nothing was written: run the task again later",
    "55P03": "another transaction held what was needed for longer than lock_timeout, again and again. Nothing was "
    "written: run the task again, or raise lock_timeout for this login",
    "57014": "a statement took longer than statement_timeout, or was cancelled. Nothing was written: raise "
    "statement_timeout for this login",
    "57": "the server ended the connection. Nothing was written: run the task again",
    "22001": "a value is longer than its column, which was narrowed. Make it text",
}


class PostgresEngine(Engine):
    """Write to PostgreSQL.

    All of a call is one transaction; a savepoint keeps what is staged, if a deadlock undoes the merge.
    """

    def __init__(self, hook: Hook) -> None:
        super().__init__(hook)
        self.dialect = PGDialect(paramstyle="format")  # type: ignore[no-untyped-call]  # SQLAlchemy has no types there
        self._plain = PGDialect(paramstyle="qmark")  # type: ignore[no-untyped-call]

    def open(self) -> Any:
        """Connect, with an encoding that has room for all of Unicode."""
        connection = None
        try:
            connection = self.hook.get_conn()
            connection.rollback()
            connection.autocommit = False
            if connection.info.parameter_status("client_encoding") != "UTF8":
                self._encode(connection)
            return connection
        except Exception as error:
            fault = self.explain(error)
        if connection is not None:
            connection.close()
        raise LoadError(f"connection {self.hook.get_conn_id()!r} cannot be opened ({fault})")

    def _encode(self, connection: Any) -> None:
        if hasattr(connection, "set_client_encoding"):
            connection.set_client_encoding("UTF8")
            return
        self.run(connection, "SET client_encoding TO 'UTF8'")  # psycopg 3 hears of it from the server
        connection.commit()  # a rollback would take it back

    def shape(self, connection: Any, table: Table) -> Shape | None:
        """Read the columns from the catalogue, along the search path where no schema is named."""
        name = self._plain.identifier_preparer.format_table(table)
        found = self.run(connection, _SHAPE, [name])
        if not found:
            return None
        return Shape({name: kind for name, kind, _ in found}, frozenset(name for name, _, key in found if key))

    def has_schema(self, connection: Any, name: str) -> bool:
        """Look into the catalogue: information_schema shows only those that the login owns."""
        return bool(self.run(connection, "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", [name]))

    def run(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        with connection.cursor() as cursor:
            _execute(cursor, sql, parameters)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def change(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement and return how many rows it changed."""
        with connection.cursor() as cursor:
            _execute(cursor, sql, parameters)
            return int(cursor.rowcount)

    def exclude_others(self, connection: Any) -> None:
        """Take a lock until the transaction ends: IF NOT EXISTS does not hold when two create at once."""
        self.run(connection, f"SELECT pg_advisory_xact_lock({_DDL_LOCK})")

    def append(self, connection: Any, stage: Stage, rows: Sequence[Row]) -> None:
        """Copy rows, with psycopg 3 in binary, which the server reads twice as fast."""
        statement = f"COPY {stage.table.name} ({', '.join(stage.names)}) FROM STDIN"
        with connection.cursor() as cursor:
            if not hasattr(cursor, "copy"):
                cursor.copy_expert(statement, io.StringIO("".join(map(_line, rows))))
                return
            with cursor.copy(f"{statement} (FORMAT BINARY)") as copy:
                copy.set_types([_BINARY.get(type(stage.table.c[name].type), "text") for name in stage.names])
                for row in rows:
                    copy.write_row(row)

    def hold(self, connection: Any) -> None:
        """Set the savepoint."""
        self.run(connection, "SAVEPOINT meetings_merge")

    def undo(self, connection: Any) -> None:
        """Go back to the savepoint."""
        self.run(connection, "ROLLBACK TO SAVEPOINT meetings_merge")

    def merge(self, connection: Any, merge: Merge) -> int:
        """Merge with ON CONFLICT."""
        return self.change(connection, on_conflict(merge, insert, self.dialect, read_json=cast, ordered=True))

    def contended(self, error: Exception) -> bool:
        """Tell whether it was a deadlock, or a lock that did not come within lock_timeout.

        A failure to serialise is not met by the same transaction once more.
        """
        return _code(error) in {"40P01", "55P03"}

    def explain(self, error: Exception) -> str:
        """Give the server's code, column and constraint, which hold no values."""
        code, diag = _code(error), getattr(error, "diag", None)
        told = " ".join(part for part in (type(error).__name__, code) if part)
        for what in ("column_name", "constraint_name"):
            if name := getattr(diag, what, None):
                told += f", {what.partition('_')[0]} {name!r}"
        if code == "23502":
            told += " is NOT NULL in the database, and a row has no value for it"
        # Without a code nothing came back from the server.
        hint = _HINTS.get(code) or _HINTS.get(code[:2]) or (_HINTS["08"] if _lost(error) else None)
        return f"{told}: {hint}" if hint else told


def _execute(cursor: Any, sql: str, parameters: Sequence[Any]) -> None:
    # Percent signs in names are doubled for the driver, which makes them one only where there are parameters.
    if parameters:
        cursor.execute(sql, list(parameters))
    else:
        cursor.execute(sql % ())


def _code(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")


def _lost(error: Exception) -> bool:
    return type(error).__name__ in {"OperationalError", "InterfaceError"}


def _line(row: Row) -> str:
    return "\t".join([_cell(value) for value in row]) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return "\\N"
    if type(value) is str:
        return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], value) if _SPECIAL.search(value) else value
    return value.isoformat() if isinstance(value, datetime) else str(value)
