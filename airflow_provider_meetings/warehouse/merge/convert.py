"""Convert values of neutral dicts to column values, in the same way for every engine."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, Text

from airflow_provider_meetings.api.times import in_utc
from airflow_provider_meetings.warehouse.tables.types import Id

# PostgreSQL rejects NUL in text, DuckDB a lone surrogate (also escaped in JSON), and some functions of SQLite end text
# at NUL. For the same rows on all engines, both become U+FFFD.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BIGINT = 2**63
# A subclass of str may be encoded as anything.
_TEXTS = frozenset((str, type(None)))

# Ten times as fast as json.dumps, which would take most of the time of a row. Keys are sorted.
_encode = msgspec.json.Encoder(order="deterministic").encode


class ConversionError(ValueError):
    """The value does not have the column's type. The text states the expected type and never the value."""


def convert_column(column: Column[Any], values: list[Any]) -> list[Any]:
    """Convert values to the type of `column`; None stays.

    :raises ConversionError: for a value of another type. A field of the platform becomes None instead; `source` keeps
        the value.
    """
    convert_all, convert = _CONVERTERS[type(column.type)]
    if convert_all is not None and (found := convert_all(values)) is not None:
        return found
    if column.info.get("from_source"):
        return [_lenient(convert, value) for value in values]
    return [None if value is None else convert(value) for value in values]


def _lenient(convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return None if value is None else convert(value)
    except ConversionError:
        return None


def _clean_texts(values: list[Any]) -> list[Any] | None:
    """Return the values if all are storable text, else None."""
    if not _TEXTS.issuperset(map(type, values)):
        return None
    try:
        joined = "".join([value for value in values if value is not None])
        joined.encode()
    except UnicodeEncodeError:
        return None
    return None if "\x00" in joined else values


def _utc_datetimes(values: list[Any]) -> list[Any] | None:
    """Return the times if all are texts in UTC, else None."""
    parse = datetime.fromisoformat
    try:
        found = [None if value is None else parse(value) for value in values]
    except (TypeError, ValueError):
        return None
    return found if all(one is None or one.tzinfo is UTC for one in found) else None


def text(value: object) -> str:
    """Convert to text that every engine can store."""
    return _UNSTORABLE.sub("\ufffd", str(value))


def utc_datetime(value: object) -> datetime:
    """Convert an aware datetime, or ISO 8601 text with an offset, to a UTC datetime of the standard library."""
    try:
        utc = in_utc(value, "", show_value=False)
    except ValueError as error:
        raise ConversionError(str(error).strip()) from None
    # Drivers bind only the exact class, not that of pendulum.
    return datetime(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=UTC)


def integer(value: object) -> int:
    """Return an integer that fits a bigint."""
    if isinstance(value, bool) or not isinstance(value, int) or not -_BIGINT <= value < _BIGINT:
        raise ConversionError("is not a whole number of 64 bits")
    return int(value)


def boolean(value: object) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise ConversionError("is neither true nor false")
    return value


def json_text(value: object) -> str:
    """Return canonical JSON text: sorted keys, no spaces, and no value that an engine's JSON type rejects."""
    try:
        return _canonical(value).decode()
    except RecursionError:
        raise ConversionError("is nested too deeply") from None


def _canonical(value: object) -> bytes:
    try:
        found = _encode(value)
        if b"\\u0000" not in found:
            return found
    except (UnicodeEncodeError, TypeError):
        pass  # a lone surrogate, keys that are not text, or mappings that are not dicts
    return _encode(_storable(value))


def _storable(value: object) -> Any:
    if isinstance(value, Mapping):
        return {text(key): _storable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_storable(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):  # the encoder accepts only the exact class
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return text(value)


def digest(parts: object) -> str:
    """Return the sha256, in hexadecimal, of the canonical JSON of `parts`."""
    return hashlib.sha256(_canonical(parts)).hexdigest()


_ConvertAll = Callable[[list[Any]], "list[Any] | None"]
# Per type: a faster conversion of a whole column, which returns None if a value is irregular, and that of a value.
_CONVERTERS: Mapping[type, tuple[_ConvertAll | None, Callable[[Any], Any]]] = {
    Id: (_clean_texts, text),
    Text: (_clean_texts, text),
    DateTime: (_utc_datetimes, utc_datetime),
    BigInteger: (None, integer),
    Boolean: (None, boolean),
    JSON: (None, json_text),
}
