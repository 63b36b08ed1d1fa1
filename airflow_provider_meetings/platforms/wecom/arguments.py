"""What a caller may give to WeCom's endpoints: each argument is looked at before anything is sent."""

from __future__ import annotations

from airflow_provider_meetings.api.errors import InvalidRequest

_LONGEST_ID = 512


def check_id(value: str, name: str) -> str:
    """Return an id: one line of text. Its alphabet is not documented; it never enters an address.

    :raises InvalidRequest: else; `name` says which argument it is.
    """
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= _LONGEST_ID
        or not value.isprintable()
        or value != value.strip()
    ):
        raise InvalidRequest(f"{name} must be one id, a line of text without spaces around it, got {value!r:.60}")
    return value
