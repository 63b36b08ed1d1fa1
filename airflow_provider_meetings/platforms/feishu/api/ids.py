"""Check the arguments of Feishu's endpoints before they become part of a URL."""

from __future__ import annotations

import re
from typing import Literal

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.platforms.feishu.api.models import is_minute_token

UserIdType = Literal["open_id", "union_id", "user_id"]

_DIGITS = re.compile(r"[0-9]{1,32}\Z")


def check_minute_token(value: str) -> str:
    """Return a minute token.

    :raises InvalidRequest: for another form than the documented one, with where to find one.
    """
    if not isinstance(value, str) or not is_minute_token(value):
        raise InvalidRequest(
            f"minute_token {value!r:.42} does not consist of 24 letters and digits",
            next_step="Take the last part of the minute's address, https://…/minutes/<token>.",
        )
    return value


def check_digits(value: str, name: str) -> str:
    """Return an id of digits, as meetings and posts have.

    :raises InvalidRequest: for anything else.
    """
    if not isinstance(value, str) or not _DIGITS.match(value):
        raise InvalidRequest(
            f"{name} {value!r:.60} does not consist of digits",
            next_step="A meeting id is the long number that a meeting gets when it starts, a meeting number "
            "has 9 digits; a post id is in its link.",
        )
    return value
