"""How one value of a neutral dict becomes the value of a column, the same for every engine."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, Text

from airflow_provider_meetings.warehouse.types import Id

# PostgreSQL refuses NUL in text, DuckDB half of a surrogate pair (also escaped in JSON), SQLite cuts text at NUL in
# some functions. The same title must give the same row everywhere, so both become U+FFFD everywhere.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BIGINT = 2**63

# Ten times as fast as json.dumps, which would be most of what a row costs. Keys are sorted.
_encode = msgspec.json.Encoder(order="deterministic").encode


class Unfit(ValueError):
    """The value is not of the column's type. Its text says what was expected and never the value."""


def converter(column: Column[Any]) -> Callable[[Any], Any]:
    """Return the function that turns a value, which is not None, into one of `column`.

    It raises Unfit for what does not fit, and returns None for that where the value is the platform's own: there
    `source` keeps it as it came.
    """
    convert = _CONVERTERS[type(column.type)]
    return _lenient(convert) if column.info.get("source") else convert


def _lenient(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def run(value: object) -> Any:
        try:
            return convert(value)
        except Unfit:
            return None

    return run


def text(value: object) -> str:
    """Return `value` as text that every engine can store."""
    given = value if type(value) is str else str(value)
    if given.isascii():
        return given if "\x00" not in given else given.replace("\x00", "\ufffd")
    return _UNSTORABLE.sub("\ufffd", given) if _UNSTORABLE.search(given) else given


def moment(value: object) -> datetime:
    """Read an aware datetime, or an ISO 8601 text with an offset, as a UTC datetime of the standard library."""
    found = value if isinstance(value, datetime) else _parsed(value)
    if found is None or found.utcoffset() is None:
        raise Unfit("is not an ISO 8601 time with an offset")
    # Drivers bind the exact class: pendulum's subclass is turned back.
    if found.tzinfo is UTC and type(found) is datetime:
        return found
    try:
        utc = found.astimezone(UTC)
    except OverflowError:
        raise Unfit("is a time outside of the years 1 to 9999") from None
    return datetime(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=UTC)


def _parsed(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value if type(value) is str else str(value))
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
    return _canonical(value).decode()


def _canonical(value: object) -> bytes:
    try:
        found = _encode(value)
        if b"\\u0000" not in found:
            return found
    except (UnicodeEncodeError, TypeError):
        pass  # half of a surrogate pair; or keys that are no text, and mappings that are no dict
    return _encode(_storable(value))


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
    return hashlib.sha256(_canonical(parts)).hexdigest()


_CONVERTERS: Mapping[type, Callable[[Any], Any]] = {
    Id: text,
    Text: text,
    DateTime: moment,
    BigInteger: whole,
    Boolean: truth,
    JSON: document,
}
