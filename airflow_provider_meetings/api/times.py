"""Parse times from users and tasks: always aware, converted to UTC."""

from __future__ import annotations

from datetime import datetime

import pendulum
from pendulum import DateTime


def parse_time(value: object, name: str, *, show_value: bool = True) -> DateTime:
    """Return a time as pendulum's class; see `in_utc`."""
    return pendulum.instance(in_utc(value, name, show_value=show_value))


def in_utc(value: object, name: str, *, show_value: bool = True) -> datetime:
    """Return an aware datetime, or an ISO 8601 text with an offset, in UTC.

    :param name: the argument, for the error message.
    :param show_value: whether the error message may contain the value; not for values of rows.
    :raises ValueError: for a naive or invalid time.
    """
    if isinstance(value, str):
        value = _parse_text(value.strip(), name, show_value=show_value)
    if not isinstance(value, datetime):
        raise ValueError(f"{name} must be a datetime or ISO 8601 text with an offset, got {type(value).__name__}")
    actual = f": {value.isoformat()}" if show_value else ""
    if value.utcoffset() is None:
        day = f"{value.year}, {value.month}, {value.day}" if show_value else "2026, 11, 30"
        raise ValueError(
            f"{name} has no time zone{actual}. Give an aware time, such as pendulum.datetime({day}, tz='Asia/Shanghai')"
        )
    try:
        return value.astimezone(pendulum.UTC)
    except OverflowError:
        raise ValueError(f"{name} is beyond the calendar{actual}") from None


def _parse_text(text: str, name: str, *, show_value: bool) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        # A run without a data interval renders "None" or an empty text: show it, it is a common mistake.
        actual = f": {text[:40]!r}" if show_value else ""
        raise ValueError(f"{name} is not an ISO 8601 time with an offset{actual}") from None
