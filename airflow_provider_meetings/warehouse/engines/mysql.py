"""MySQL and MariaDB, through mysqlclient or mysql-connector-python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, exists, func, select, update
from sqlalchemy.dialects.mysql import insert
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.dialects.mysql.mariadb import MariaDBDialect

from airflow_provider_meetings.warehouse.engines import mysql as mysql_errors
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Engine, Hook, Shape
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.merge.staging import Stage
from airflow_provider_meetings.warehouse.merge.statements import Merge, columns_equal

_DEADLOCK, _LOCK_TIMEOUT, _CHANGED, _DUPLICATE = 1213, 1205, 1020, 1062

_FULL = "the server's disk is full. Nothing was written: make room, and run the task again"
# Numbers below 1000 are of the server's own calls to the operating system.
_UNWRITTEN = (
    "the server could not write a file: its disk, or that of its temporary folder, is full or fails. "
    "Nothing was written: make room, and run the task again"
)
_LARGE = "a value is larger than the server takes: raise its max_allowed_packet"
_NAME = "that name is too long there, ends in a blank or has an emoji: choose another schema or table_prefix"
_NARROW = "a value does not fit the column's type, which was changed: make it what the table of this package has"
_DEEP = "a JSON document is nested more deeply than the server takes (MariaDB 32, MySQL 100), or a CHECK of yours fails"

# https://mariadb.com/kb/en/mariadb-error-code-reference/
_HINTS: Mapping[int, str] = {
    3: _UNWRITTEN,
    20: _UNWRITTEN,
    1021: _FULL,
    1026: _UNWRITTEN,
    1030: _UNWRITTEN,
    1044: "the login lacks a right on the database: it needs CREATE, or the tables made for it",
    1045: "the server refuses the login: check the connection's login and password",
    1046: "the connection names no database: set the connection's schema field, which temporary tables need "
    "also where the argument schema is given",
    1049: "there is no such database: check the connection's schema field",
    1053: "the server is shutting down. Nothing was written: run the task again",
    1059: _NAME,
    1062: "two rows have the same value in a unique key that is not ours: drop that key",
    1102: _NAME,
    1103: _NAME,
    1114: _FULL,
    1142: "the login lacks a right: it needs SELECT, INSERT, UPDATE, CREATE, ALTER and CREATE TEMPORARY TABLES",
    1153: _LARGE,
    1197: "the load is larger than the server's binary log takes at once: raise its max_binlog_cache_size",
    1205: "another transaction held rows for too long. Run the task again",
    1213: "other writers were in the way again and again. Run the task again",
    1264: _NARROW,
    1265: _NARROW,
    1267: f"a key column's collation does not compare with ours: make it as in a table of this package. Or {_NAME}",
    1364: "that column is NOT NULL in the database, and a row has no value for it",
    1366: f"{_NARROW}; or its character set has no room for a character: make it utf8mb4",
    1406: "a value is longer than its column; an id may have 256 characters, or the column was narrowed",
    2002: "no server answers there: check the connection's host and port",
    2003: "no server answers there: check the connection's host and port",
    2006: "the connection to the server was lost. Nothing was written: run the task again",
    2013: "the connection to the server was lost. Nothing was written: run the task again",
    2020: _LARGE,
    2055: "the connection to the server was lost. Nothing was written: run the task again",
    3157: _DEEP,
    4025: _DEEP,
}
# Those of the server's texts that name a column, and hold no value.
_COLUMN = {1048, 1054, 1364, 1406, 4025}
_NAMED = re.compile(r"(?:[Cc]olumn|[Ff]ield) '(\w+)'|CONSTRAINT `.*\.(\w+)` failed for ")
# These may hold a value too, which comes before: only what stands at the end is taken.
_COLUMN_AT_END = {1264, 1265, 1366}
_NAMED_AT_END = re.compile(r"['`](\w+)\\?['`] at row \d+\W*\Z")


def contended(error: Exception) -> bool:
    """Tell whether another writer was in the way, so that the same may work now."""
    number = _number(error)
    if number == _DUPLICATE:
        return bool(re.search(r"for key '(?:[^']*\.)?PRIMARY'", str(error)))
    return number in {_DEADLOCK, _LOCK_TIMEOUT, _CHANGED}


def explain(error: Exception) -> str:
    """Give the number, the column where the text names one, and what to do."""
    number = _number(error)
    told = f"{type(error).__name__} {number}" if number else type(error).__name__
    if number in _COLUMN and (column := _NAMED.search(str(error))):
        told += f", column {column[1] or column[2]!r}"
    elif number in _COLUMN_AT_END and (column := _NAMED_AT_END.search(str(error))):
        told += f", column {column[1]!r}"
    return f"{told}: {_HINTS[number]}" if number in _HINTS else told


def _number(error: Exception) -> int:
    found = getattr(error, "errno", None) or (error.args[0] if error.args else None)
    return found if isinstance(found, int) else 0


_STATEMENT = 512 * 1024
"""About how many characters one statement may have; servers take 16 MiB and more."""
_OTHER = 30
"""No value that is not text takes more."""

_SESSION = (
    # With gap locks, which the default takes, two that insert wait for each other.
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    # Else what does not fit is cut in silence.
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
)
_SHAPE = """
    SELECT lower(column_name), lower(column_type), column_key = 'PRI', collation_name
    FROM information_schema.columns WHERE table_schema = coalesce(%s, database()) AND table_name = %s
"""
_EXACT = ("_nopad_bin", "_0900_bin", "binary")
"""How collations end by which texts are equal only if each character is: utf8mb4_bin passes over blanks at the end."""
_DDL_LOCK = "meetings_warehouse"


class MySQLEngine(Engine):
    """Write to MySQL (8.0.17 or later) or MariaDB (10.2 or later).

    What is staged is committed, for a rollback would empty temporary tables too; the merge is one transaction.
    """

    keyed_stages = True
    ddl_wait = 120
    """How many seconds another loader's DDL is waited for."""

    def __init__(self, hook: Hook) -> None:
        super().__init__(hook)
        self.dialect = MySQLDialect(paramstyle="format")
        self._longest = 16 * 1024 * 1024

    def open(self) -> Any:
        """Connect, with a character set that has room for all of Unicode."""
        connection = None
        try:
            connection = self.hook.get_conn()
            if hasattr(connection, "set_character_set"):
                connection.set_character_set("utf8mb4")
            else:
                connection.set_charset_collation("utf8mb4")
            for statement in _SESSION:
                self.run(connection, statement)
            ((version, self._longest),) = self.run(connection, "SELECT version(), @@max_allowed_packet")
            made = MariaDBDialect if "mariadb" in str(version).lower() else MySQLDialect
            self.dialect = made(paramstyle="format")
            return connection
        except Exception as error:
            fault = self.explain(error)
        if connection is not None:
            connection.close()
        raise LoadError(f"connection {self.hook.get_conn_id()!r} cannot be opened ({fault})")

    def shape(self, connection: Any, table: Table) -> Shape | None:
        """Read the columns from information_schema; names of columns are compared without regard to case."""
        found = self.run(connection, _SHAPE, [table.schema, table.name])
        if not found:
            return None
        keys = {_text(name): _text(collation or "binary") for name, _, key, collation in found if key}
        folded = {name: collation for name, collation in keys.items() if not collation.endswith(_EXACT)}
        return Shape({_text(name): _text(kind) for name, kind, _, _ in found}, frozenset(keys), folded)

    def has_schema(self, connection: Any, name: str) -> bool:
        """Look into information_schema, which shows those that the login has any right in."""
        return bool(self.run(connection, "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", [name]))

    def run(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        cursor = connection.cursor()
        try:
            _execute(cursor, sql, parameters)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()

    def change(self, connection: Any, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement and return how many rows it changed."""
        cursor = connection.cursor()
        try:
            _execute(cursor, sql, parameters)
            return int(cursor.rowcount)
        finally:
            cursor.close()

    def exclude_others(self, connection: Any) -> None:
        """Take a lock until the connection is closed: DDL commits by itself, and would end a transaction's."""
        ((got,),) = self.run(connection, "SELECT get_lock(%s, %s)", [_DDL_LOCK, self.ddl_wait])
        if got != 1:  # 0 after the wait, NULL where the server could not: without it two would create at once
            raise LoadError(
                f"another loader has been changing the tables for {self.ddl_wait} s, and nothing was written: "
                "run the task again"
            )

    def append(self, connection: Any, stage: Stage, rows: Sequence[Row]) -> None:
        """Insert many rows with each statement."""
        head = f"INSERT INTO {stage.table.name} VALUES "  # noqa: S608 - names of our own
        marks = f"({', '.join(['%s'] * len(stage.names))})"
        for some in _statements(rows):
            if len(some) == 1:
                self._check(stage, some[0], len(head) + len(marks))
            values = [_bound(value) for row in some for value in row]
            self.run(connection, head + ", ".join([marks] * len(some)), values)

    def _check(self, stage: Stage, row: Row, rest: int) -> None:
        """Refuse a row that is too large: the server would end the connection, and the load fail again and again."""
        sizes = {name: _size(value) for name, value in zip(stage.names, row, strict=True)}
        if sum(sizes.values()) + rest >= self._longest:
            name = max(sizes, key=lambda one: sizes[one])
            raise LoadError.at(
                stage.target,
                f"column {name!r} has a value of {sizes[name]} bytes, and the server takes {self._longest} with one "
                "statement: raise its max_allowed_packet",
            )

    def merge(self, connection: Any, merge: Merge) -> int:
        """Insert what is not there, then update what is.

        Not by ON DUPLICATE KEY UPDATE: that takes a conflict with any unique key, also one that users added, for one
        with ours; and what it compares changes while it assigns. The order keeps updates: a row that another writer
        inserts in between is found by the update.
        """
        staged, target = merge.stage.table, merge.target
        there = target.alias("there")
        absent = ~exists(select(there.c[merge.key[0]]).where(*columns_equal(there, staged, merge.key)))
        missing = insert(target).from_select(list(merge.columns), merge.source().where(absent))
        same = update(target).where(*columns_equal(target, staged, merge.key))
        if merge.where is not None:
            same = same.where(merge.where)
        if merge.update_if is not None:
            same = same.where(merge.update_if(target.c, staged.c))
        same = same.values({target.c[name]: merge.updated_value(name, target.c, staged.c) for name in merge.updates})
        meant = -1
        if merge.update_if is None:  # rows that stay as they are count as written elsewhere; MySQL leaves them out
            counted = select(func.count()).select_from(merge.source().subquery())
            ((meant,),) = self.run(connection, str(counted.compile(dialect=self.dialect)))
        inserted = self.change(connection, str(missing.compile(dialect=self.dialect)))
        updated = self.change(connection, str(same.compile(dialect=self.dialect)))
        return inserted + updated if meant < 0 else int(meant)

    def contended(self, error: Exception) -> bool:
        """Tell whether it was a deadlock, or a row of the same key that another writer inserted meanwhile."""
        return mysql_errors.contended(error)

    def explain(self, error: Exception) -> str:
        """Give the server's number of the error and the column, which hold no values."""
        return mysql_errors.explain(error)


def _execute(cursor: Any, sql: str, parameters: Sequence[Any]) -> None:
    # Percent signs in names are doubled for the driver, which makes them one only where there are parameters.
    if parameters:
        cursor.execute(sql, [_bound(value) for value in parameters])
    else:
        cursor.execute(sql % ())


def _statements(rows: Sequence[Row]) -> Iterator[list[Row]]:
    some: list[Row] = []
    length = 0
    for row in rows:
        own = sum([len(value) if type(value) is str else _OTHER for value in row])
        if some and length + own > _STATEMENT:  # a long row is alone, so that it has all the room there is
            yield some
            some, length = [], 0
        some.append(row)
        length += own
    if some:
        yield some


def _size(value: Any) -> int:
    """Return how many bytes a value has in a statement, escaped by the driver."""
    if not isinstance(value, str):
        return _OTHER
    return len(value.encode()) + sum(value.count(one) for one in "\n\r\\'\"\x1a") + 2


def _bound(value: Any) -> Any:
    # DATETIME has no zone: it is the clock of UTC.
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)
