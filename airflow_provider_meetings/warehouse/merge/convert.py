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

from airflow_provider_meetings.warehouse.tables.types import Id

# PostgreSQL refuses NUL in text, DuckDB half of a surrogate pair (also escaped in JSON), SQLite cuts text at NUL in
# some functions. The same title must give the same row everywhere, so both become U+FFFD everywhere.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BIGINT = 2**63
# A subclass of str may be anything when it is encoded.
_TEXTS = frozenset((str, type(None)))

# Ten times as fast as json.dumps, which would be most of what a row costs. Keys are sorted.
_encode = msgspec.json.Encoder(order="deterministic").encode


class Unfit(ValueError):
    """The value is not of the column's type. Its text says what was expected and never the value."""


def column_of(column: Column[Any], values: list[Any]) -> list[Any]:
    """Turn values, of which None stays, into those of `column`.

    :raises Unfit: for what does not fit; where the value is the platform's own that becomes None, and `source` keeps
        it as it came.
    """
    together, alone = _CONVERTERS[type(column.type)]
    if together is not None and (found := together(values)) is not None:
        return found
    if column.info.get("from_source"):
        return [_lenient(alone, value) for value in values]
    return [None if value is None else alone(value) for value in values]


def _lenient(convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return None if value is None else convert(value)
    except Unfit:
        return None


def _clean_texts(values: list[Any]) -> list[Any] | None:
    """Return the values if all are text and storable, as nearly all are, else None."""
    if not _TEXTS.issuperset(map(type, values)):
        return None
    try:
        joined = "".join([value for value in values if value is not None])
        joined.encode()
    except UnicodeEncodeError:
        return None
    return None if "\x00" in joined else values


def _utc_moments(values: list[Any]) -> list[Any] | None:
    """Return the times if all are texts in UTC, as ours are, else None."""
    parse = datetime.fromisoformat
    try:
        found = [None if value is None else parse(value) for value in values]
    except (TypeError, ValueError):
        return None
    return found if all(one is None or one.tzinfo is UTC for one in found) else None


def text(value: object) -> str:
    """Return `value` as text that every engine can store."""
    return _UNSTORABLE.sub("\ufffd", str(value))


def moment(value: object) -> datetime:
    """Read an aware datetime, or an ISO 8601 text with an offset, as a UTC datetime of the standard library."""
    found = value if isinstance(value, datetime) else _parsed(value)
    if found is None or found.utcoffset() is None:
        raise Unfit("is not an ISO 8601 time with an offset")
    # Drivers bind the exact class: pendulum's subclass is turned back.
    try:
        utc = found.astimezone(UTC)
    except OverflowError:
        raise Unfit("is a time outside of the years 1 to 9999") from None
    return datetime(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=UTC)


def _parsed(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None


def whole(value: object) -> int:
    """Return a whole number that fits a bigint."""
    if type(value) is int and -_BIGINT <= value < _BIGINT:
        return value
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
    try:
        return _canonical(value).decode()
    except RecursionError:
        raise Unfit("is nested too deeply") from None


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
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):  # of any class: the encoder takes the exact ones only
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return text(value)


def digest(parts: object) -> str:
    """Return the sha256, in hexadecimal, of the canonical JSON of `parts`."""
    return hashlib.sha256(_canonical(parts)).hexdigest()


_Together = Callable[[list[Any]], "list[Any] | None"]
# How a whole column is read at once, where that is faster and nothing is wrong with it; and how one value is read.
_CONVERTERS: Mapping[type, tuple[_Together | None, Callable[[Any], Any]]] = {
    Id: (_clean_texts, text),
    Text: (_clean_texts, text),
    DateTime: (_utc_moments, moment),
    BigInteger: (None, whole),
    Boolean: (None, truth),
    JSON: (None, document),
}
