"""Times as users and tasks write them: always aware, always turned to UTC."""

from __future__ import annotations

from datetime import datetime

import pendulum
from pendulum import DateTime


def parse_time(value: object, name: str, *, shown: bool = True) -> DateTime:
    """Read an aware datetime or an ISO 8601 text with an offset, and return it in UTC.

    :param value: the time.
    :param name: the argument's name, for the error.
    :param shown: whether the error may show the time: one that a DAG's author wrote, not one of a row.
    :raises ValueError: for a naive time, or a text that is no time.
    """
    if isinstance(value, str):
        value = _parse_text(value.strip(), name, shown=shown)
    if not isinstance(value, datetime):
        raise ValueError(f"{name} must be a datetime or ISO 8601 text with an offset, got {type(value).__name__}")
    if value.tzinfo is None or value.utcoffset() is None:
        told = f": {value.isoformat()}" if shown else ""
        day = f"{value.year}, {value.month}, {value.day}" if shown else "2026, 11, 30"
        raise ValueError(
            f"{name} has no time zone{told}. Give an aware time, such as pendulum.datetime({day}, tz='Asia/Shanghai')"
        )
    try:
        return pendulum.instance(value).in_timezone("UTC")
    except OverflowError:
        told = f": {value.isoformat()}" if shown else ""
        raise ValueError(f"{name} is beyond the calendar{told}") from None


def _parse_text(text: str, name: str, *, shown: bool) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        # The rendered text of an absent data interval is "None" or empty: say so, it is a common surprise.
        told = f": {text[:40]!r}" if shown else ""
        raise ValueError(f"{name} is not an ISO 8601 time with an offset{told}") from None
