"""How one value of a neutral dict becomes the value of a column, the same for every engine."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, Table, Text

from airflow_provider_meetings.warehouse.errors import LoadError

Row = dict[str, Any]
"""A row: column name to text, int, bool, aware UTC datetime or None. A JSON column holds its canonical text."""

# PostgreSQL refuses NUL in text, DuckDB half of a surrogate pair (also escaped in JSON), SQLite cuts text at NUL in
# some functions. The same title must give the same row everywhere, so both become U+FFFD everywhere.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BIGINT = 2**63


class Unfit(ValueError):
    """The value is not of the column's type. Its text says what was expected and never the value."""


def build(table: Table, data: Mapping[str, Any], names: Iterable[str]) -> Row:
    """Take the columns `names` of `table` from `data`; what is not there is None.

    :raises LoadError: for a value that is not of the column's type, and for a key column without a value.
    """
    row: Row = {}
    for name in names:
        column = table.c[name]
        value, fault = _converted(column, data.get(name))
        if fault is None and column.primary_key and value in (None, ""):
            fault = "has no value, and is part of the key"
        if fault is not None:
            raise LoadError.at(table, f"column {name!r} {fault}")
        row[name] = value
    return row


def _converted(column: Column[Any], value: object) -> tuple[Any, str | None]:
    if value is None:
        return None, None
    try:
        return _CONVERTERS[type(column.type)](value), None
    except Unfit as error:
        return None, str(error)


def text(value: object) -> str:
    """Return `value` as text that every engine can store."""
    return _UNSTORABLE.sub("\ufffd", str(value))


def moment(value: object) -> datetime:
    """Read an aware datetime, or an ISO 8601 text with an offset, as a UTC datetime of the standard library."""
    found = value if isinstance(value, datetime) else _parsed(value)
    if found is None or found.utcoffset() is None:
        raise Unfit("is not an ISO 8601 time with an offset")
    try:
        utc = found.astimezone(UTC)
    except OverflowError:
        raise Unfit("is a time outside of the years 1 to 9999") from None
    # Drivers bind the exact class: pendulum's subclass is turned back.
    return datetime(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=UTC)


def _parsed(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None


def whole(value: object) -> int:
    """Return a whole number that fits a bigint."""
    if isinstance(value, bool) or not isinstance(value, int) or not -_BIGINT <= value < _BIGINT:
        raise Unfit("is not a whole number of 64 bits")
    return int(value)


def truth(value: object) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise Unfit("is neither true nor false")
    return value


def document(value: object) -> str:
    """Return the canonical JSON text: keys sorted, no spaces, no value that an engine's JSON type refuses."""
    return json.dumps(_storable(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _storable(value: object) -> Any:
    if isinstance(value, Mapping):
        return {text(key): _storable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_storable(item) for item in value]
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return text(value)


def digest(parts: object) -> str:
    """Return the sha256, in hexadecimal, of the canonical JSON of `parts`."""
    return hashlib.sha256(document(parts).encode()).hexdigest()


def content_hash(row: Mapping[str, Any]) -> str:
    """Return the sha256 of a row's content, its house columns (with a leading underscore) left out.

    NULLs are left out too: a column that a later version adds does not make every old row count as changed.
    """
    content = {name: value for name, value in row.items() if not name.startswith("_") and value is not None}
    return digest({k: v.isoformat() if isinstance(v, datetime) else v for k, v in content.items()})


_CONVERTERS: Mapping[type, Callable[[object], Any]] = {
    Text: text,
    DateTime: moment,
    BigInteger: whole,
    Boolean: truth,
    JSON: document,
}
