"""What the error numbers of MySQL and MariaDB mean, and what to do; the texts beside them may repeat values."""

from __future__ import annotations

import re
from collections.abc import Mapping

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
