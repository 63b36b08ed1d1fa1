"""PostgreSQL, through psycopg 3 or 2: rows are staged by COPY."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Table, cast
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.base import PGDialect

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
    "25006": "the server or the login is read-only: connect to the primary, or unset the login's "
    "default_transaction_read_only",
    "28": "the server refuses the login: check the connection's login and password",
    "3D": "the database does not exist: check the connection's schema field",
    "3F": "the schema does not exist: create it, or choose another",
    "40": "all attempts ended in write conflicts. Run the task again",
    "42501": "the login lacks a privilege: grant CREATE on the schema, or create the tables and grant SELECT, INSERT "
    "and UPDATE on them; and grant TEMPORARY on the database",
    "54": "a value is larger than the database accepts: an id of thousands of characters, or a text of hundreds of MB",
    "53100": "the server's disk is full. Nothing was written: free space, and run the task again",
    "53": "the server lacks resources or connections. Nothing was written: run the task again later",
    "55P03": "another transaction held a lock for longer than lock_timeout, on all attempts. Nothing was written: run "
    "the task again, or raise lock_timeout for this login",
    "57014": "a statement took longer than statement_timeout, or was cancelled. Nothing was written: raise "
    "statement_timeout for this login",
    "57": "the server ended the connection. Nothing was written: run the task again",
    "22001": "a value is longer than its column, which was changed. Change it to text",
}


class PostgresEngine(Engine):
    """Write to PostgreSQL.

    A load is one transaction; a savepoint keeps the stages when a merge is rolled back.
    """

    # information_schema lists only the schemas that the login owns.
    schema_query = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s"

    def __init__(self, hook: Hook) -> None:
        super().__init__(hook)
        self.dialect = PGDialect(paramstyle="format")  # type: ignore[no-untyped-call]  # SQLAlchemy has no types there
        self._plain = PGDialect(paramstyle="qmark")  # type: ignore[no-untyped-call]

    def prepare(self, connection: Any) -> None:
        connection.rollback()
        connection.autocommit = False
        if connection.info.parameter_status("client_encoding") == "UTF8":
            return
        if hasattr(connection, "set_client_encoding"):
            connection.set_client_encoding("UTF8")
        else:  # psycopg 3 reads it from the server
            self.run(connection, "SET client_encoding TO 'UTF8'")
            connection.commit()  # a rollback would undo it

    def shape(self, connection: Any, table: Table) -> Shape:
        """Read the columns from the catalog, along the search path if there is no schema."""
        name = self._plain.identifier_preparer.format_table(table)
        found = self.run(connection, _SHAPE, [name])
        return Shape({name: kind for name, kind, _ in found}, frozenset(name for name, _, key in found if key))

    def lock_ddl(self, connection: Any) -> None:
        """Take a lock until the transaction ends: IF NOT EXISTS fails when two transactions create at once."""
        self.run(connection, f"SELECT pg_advisory_xact_lock({_DDL_LOCK})")

    def append(self, connection: Any, stage: Stage, rows: Sequence[Row]) -> None:
        """Copy rows; psycopg 3 copies binary, which the server reads twice as fast."""
        statement = f"COPY {stage.table.name} ({', '.join(stage.names)}) FROM STDIN"
        with connection.cursor() as cursor:
            if not hasattr(cursor, "copy"):
                cursor.copy_expert(statement, io.StringIO("".join(map(_line, rows))))
                return
            with cursor.copy(f"{statement} (FORMAT BINARY)") as copy:
                copy.set_types([_BINARY.get(type(stage.table.c[name].type), "text") for name in stage.names])
                for row in rows:
                    copy.write_row(row)

    def keep_stages(self, connection: Any) -> None:
        self.run(connection, "SAVEPOINT meetings_merge")

    def restore_stages(self, connection: Any) -> None:
        self.run(connection, "ROLLBACK TO SAVEPOINT meetings_merge")

    def merge(self, connection: Any, merge: Merge) -> int:
        return self.change(connection, on_conflict(merge, insert, self.dialect, read_json=cast, ordered=True))

    def is_write_conflict(self, error: Exception) -> bool:
        """Return whether it was a deadlock or a lock timeout.

        After a serialization failure a retry in the same transaction would fail again.
        """
        return _code(error) in {"40P01", "55P03"}

    def explain(self, error: Exception) -> str:
        code, diag = _code(error), getattr(error, "diag", None)
        reason = " ".join(part for part in (type(error).__name__, code) if part)
        for what in ("column_name", "constraint_name"):
            if name := getattr(diag, what, None):
                reason += f", {what.partition('_')[0]} {name!r}"
        if code == "23502":
            reason += " is NOT NULL in the database, and a row has no value for it"
        hint = _HINTS.get(code) or _HINTS.get(code[:2])
        if not code and type(error).__name__ in {"OperationalError", "InterfaceError"}:
            hint = _HINTS["08"]  # the server sent no answer
        return f"{reason}: {hint}" if hint else reason


def _code(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")


def _line(row: Row) -> str:
    return "\t".join([_cell(value) for value in row]) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return "\\N"
    if type(value) is str:
        return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], value) if _SPECIAL.search(value) else value
    return value.isoformat() if isinstance(value, datetime) else str(value)
