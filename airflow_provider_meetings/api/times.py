"""Times as users and tasks write them: always aware, always turned to UTC."""

from __future__ import annotations

from datetime import datetime

import pendulum
from pendulum import DateTime


def parse_time(value: object, name: str) -> DateTime:
    """Read an aware datetime or an ISO 8601 text with an offset, and return it in UTC.

    :param value: the time.
    :param name: the argument's name, for the error.
    :raises ValueError: for a naive time, or a text that is no time.
    """
    if isinstance(value, str):
        value = _parse_text(value.strip(), name)
    if not isinstance(value, datetime):
        raise ValueError(f"{name} must be a datetime or ISO 8601 text with an offset, got {type(value).__name__}")
    if value.tzinfo is None or value.utcoffset() is None:
        raise ValueError(
            f"{name} has no time zone: {value.isoformat()}. Give an aware time, such as "
            f"pendulum.datetime({value.year}, {value.month}, {value.day}, tz='Asia/Shanghai')"
        )
    try:
        return pendulum.instance(value).in_timezone("UTC")
    except OverflowError:
        raise ValueError(f"{name} is beyond the calendar: {value.isoformat()}") from None


def _parse_text(text: str, name: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        # The rendered text of an absent data interval is "None" or empty: say so, it is a common surprise.
        raise ValueError(f"{name} is not an ISO 8601 time with an offset: {text[:40]!r}") from None
