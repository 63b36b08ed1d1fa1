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

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Engine, Hook, Shape
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.merge.staging import Stage
from airflow_provider_meetings.warehouse.merge.statements import Merge, columns_equal

_DEADLOCK, _LOCK_TIMEOUT, _CHANGED, _DUPLICATE = 1213, 1205, 1020, 1062

_FULL = "the server's disk is full. Nothing was written: free space, and run the task again"
# Numbers below 1000 are errors of the operating system.
_UNWRITTEN = (
    "the server could not write a file: its disk, or that of its temporary folder, is full or fails. "
    "Nothing was written: free space, and run the task again"
)
_LOST = "the connection to the server was lost. Nothing was written: run the task again"
_LARGE = "a value is larger than the server accepts: raise its max_allowed_packet"
_NAME = "the name is too long, ends in a blank or contains an emoji: choose another schema or table_prefix"
_NARROW = "a value does not fit the column's type, which was changed: restore the type of this package"
_DEEP = "a JSON document is nested too deeply for the server (MariaDB 32, MySQL 100 levels), or an added CHECK fails"

# https://mariadb.com/kb/en/mariadb-error-code-reference/
_HINTS: Mapping[int, str] = {
    **dict.fromkeys((3, 20, 1026, 1030), _UNWRITTEN),
    **dict.fromkeys((1021, 1114), _FULL),
    1044: "the login lacks a privilege on the database: grant CREATE, or create the tables",
    1045: "the server refuses the login: check the connection's login and password",
    1046: "the connection has no database: set the connection's schema field; temporary tables need it even "
    "with the argument schema",
    1049: "the database does not exist: check the connection's schema field",
    1053: "the server is shutting down. Nothing was written: run the task again",
    **dict.fromkeys((1059, 1102, 1103), _NAME),
    1062: "two rows have the same value in a unique key that this package did not create: drop that key",
    1142: "the login lacks a privilege: grant SELECT, INSERT, UPDATE, CREATE, ALTER and CREATE TEMPORARY TABLES",
    **dict.fromkeys((1153, 2020), _LARGE),
    1197: "the load is too large for the server's binary log: raise its max_binlog_cache_size",
    1205: "another transaction locked rows for too long. Run the task again",
    1213: "all attempts ended in write conflicts. Run the task again",
    **dict.fromkeys((1264, 1265), _NARROW),
    1267: f"a key column's collation cannot be compared: use the collation of this package. Or {_NAME}",
    1364: "the column is NOT NULL in the database, and a row has no value for it",
    1366: f"{_NARROW}; or its character set lacks a character: change it to utf8mb4",
    1406: "a value is longer than its column: ids have at most 256 characters, or the column was changed",
    **dict.fromkeys((2002, 2003), "the server does not answer: check the connection's host and port"),
    **dict.fromkeys((2006, 2013, 2055), _LOST),
    **dict.fromkeys((3157, 4025), _DEEP),
}
# Error texts that name a column and contain no value.
_COLUMN_IN_TEXT = {1048, 1054, 1364, 1406, 4025}
_COLUMN_NAME = re.compile(r"(?:[Cc]olumn|[Ff]ield) '(\w+)'|CONSTRAINT `.*\.(\w+)` failed for ")
# Error texts that may contain a value before the column: only the end is read.
_COLUMN_AT_END = {1264, 1265, 1366}
_COLUMN_NAME_AT_END = re.compile(r"['`](\w+)\\?['`] at row \d+\W*\Z")


_MAX_STATEMENT = 512 * 1024
"""Approximate maximum length of a statement in characters; servers accept at least 16 MiB."""
_NON_TEXT = 30
"""Maximum length of a value that is not text."""

_SESSION = (
    # The default level takes gap locks, on which two inserting writers wait for each other.
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    # Without strict mode, MySQL truncates values without an error.
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
)
_SHAPE = """
    SELECT lower(column_name), lower(column_type), column_key = 'PRI', collation_name
    FROM information_schema.columns WHERE table_schema = coalesce(%s, database()) AND table_name = %s
"""
_EXACT_COLLATIONS = ("_nopad_bin", "_0900_bin", "binary")
"""Suffixes of collations that compare every character; utf8mb4_bin ignores trailing blanks."""
_DDL_LOCK = "meetings_warehouse"


class MySQLEngine(Engine):
    """Write to MySQL (8.0.17 or later) or MariaDB (10.2 or later).

    Staged rows are committed, since a rollback would remove them from temporary tables; the merge is one transaction.
    """

    # It lists the schemas on which the login has a privilege.
    schema_query = "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s"
    keyed_stages = True
    ddl_wait = 120
    """Maximum seconds to wait for the DDL of another loader."""

    def __init__(self, hook: Hook) -> None:
        super().__init__(hook)
        self.dialect = MySQLDialect(paramstyle="format")
        self._max_packet = 16 * 1024 * 1024

    def prepare(self, connection: Any) -> None:
        """Use the character set utf8mb4 and the settings of a load; read the server's kind."""
        if hasattr(connection, "set_character_set"):
            connection.set_character_set("utf8mb4")
        else:
            connection.set_charset_collation("utf8mb4")
        for statement in _SESSION:
            self.run(connection, statement)
        ((version, self._max_packet),) = self.run(connection, "SELECT version(), @@max_allowed_packet")
        dialect_class = MariaDBDialect if "mariadb" in str(version).lower() else MySQLDialect
        self.dialect = dialect_class(paramstyle="format")

    def shape(self, connection: Any, table: Table) -> Shape:
        """Read the columns from information_schema; MySQL compares column names case-insensitively."""
        found = self.run(connection, _SHAPE, [table.schema, table.name])
        keys = {_text(name): _text(collation or "binary") for name, _, key, collation in found if key}
        folded = {name: collation for name, collation in keys.items() if not collation.endswith(_EXACT_COLLATIONS)}
        return Shape({_text(name): _text(kind) for name, kind, _, _ in found}, frozenset(keys), folded)

    def execute(self, cursor: Any, sql: str, parameters: Sequence[Any]) -> None:
        """Execute one statement. DATETIME has no time zone; it stores UTC."""
        values = [value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in parameters]
        super().execute(cursor, sql, values)

    def lock_ddl(self, connection: Any) -> None:
        """Take a named lock, held until the connection is closed: DDL commits, which would release row locks."""
        ((result,),) = self.run(connection, "SELECT get_lock(%s, %s)", [_DDL_LOCK, self.ddl_wait])
        if result != 1:  # 0 after the wait, NULL on an error
            raise LoadError(
                f"another loader has been changing the tables for {self.ddl_wait} s. Nothing was written: "
                "run the task again"
            )

    def append(self, connection: Any, stage: Stage, rows: Sequence[Row]) -> None:
        head = f"INSERT INTO {stage.table.name} VALUES "  # noqa: S608 - not the user's text
        placeholders = f"({', '.join(['%s'] * len(stage.names))})"
        for batch in _batches(rows):
            if len(batch) == 1:
                self._check_size(stage, batch[0], len(head) + len(placeholders))
            values = [value for row in batch for value in row]
            self.run(connection, head + ", ".join([placeholders] * len(batch)), values)

    def _check_size(self, stage: Stage, row: Row, overhead: int) -> None:
        """Reject a row that is too large: the server would close the connection, on every try of the task."""
        sizes = {name: _size(value) for name, value in zip(stage.names, row, strict=True)}
        if sum(sizes.values()) + overhead >= self._max_packet:
            name = max(sizes, key=lambda column: sizes[column])
            raise LoadError.at(
                stage.target,
                f"column {name!r} has a value of {sizes[name]} bytes, and the server accepts {self._max_packet} per "
                "statement: raise its max_allowed_packet",
            )

    def merge(self, connection: Any, merge: Merge) -> int:
        """Insert new rows, then update existing rows.

        ON DUPLICATE KEY UPDATE would also update a row that conflicts in a unique key that users added, and its
        conditions would see columns that it has already assigned. A row that another writer inserts between the two
        statements is updated.
        """
        staged, target = merge.stage.table, merge.target
        existing = target.alias("existing")
        is_new = ~exists(select(existing.c[merge.key[0]]).where(*columns_equal(existing, staged, merge.key)))
        missing = insert(target).from_select(list(merge.columns), merge.source().where(is_new))
        changed = update(target).where(*columns_equal(target, staged, merge.key))
        if merge.where is not None:
            changed = changed.where(merge.where)
        if merge.update_if is not None:
            changed = changed.where(merge.update_if(target.c, staged.c))
        new_values = {target.c[name]: merge.updated_value(name, target.c, staged.c) for name in merge.updates}
        changed = changed.values(new_values)
        written = -1
        if merge.update_if is None:  # MySQL does not count rows that it leaves unchanged
            counted = select(func.count()).select_from(merge.source().subquery())
            ((written,),) = self.run(connection, str(counted.compile(dialect=self.dialect)))
        inserted = self.change(connection, str(missing.compile(dialect=self.dialect)))
        updated = self.change(connection, str(changed.compile(dialect=self.dialect)))
        return inserted + updated if written < 0 else int(written)

    def is_write_conflict(self, error: Exception) -> bool:
        number = _number(error)
        if number == _DUPLICATE:
            return bool(re.search(r"for key '(?:[^']*\.)?PRIMARY'", str(error)))
        return number in {_DEADLOCK, _LOCK_TIMEOUT, _CHANGED}

    def explain(self, error: Exception) -> str:
        number = _number(error)
        reason = f"{type(error).__name__} {number}" if number else type(error).__name__
        if number in _COLUMN_IN_TEXT and (column := _COLUMN_NAME.search(str(error))):
            reason += f", column {column[1] or column[2]!r}"
        elif number in _COLUMN_AT_END and (column := _COLUMN_NAME_AT_END.search(str(error))):
            reason += f", column {column[1]!r}"
        return f"{reason}: {_HINTS[number]}" if number in _HINTS else reason


def _number(error: Exception) -> int:
    found = getattr(error, "errno", None) or (error.args[0] if error.args else None)
    return found if isinstance(found, int) else 0


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield the rows of each statement; a long row gets its own."""
    batch: list[Row] = []
    length = 0
    for row in rows:
        row_length = sum([len(value) if type(value) is str else _NON_TEXT for value in row])
        if batch and length + row_length > _MAX_STATEMENT:
            yield batch
            batch, length = [], 0
        batch.append(row)
        length += row_length
    if batch:
        yield batch


def _size(value: Any) -> int:
    """Return the length in bytes of a value escaped by the driver."""
    if not isinstance(value, str):
        return _NON_TEXT
    return len(value.encode()) + sum(value.count(char) for char in "\n\r\\'\"\x1a") + 2


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)
