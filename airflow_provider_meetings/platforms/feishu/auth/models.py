"""The tokens of a user in Feishu's answers."""

from __future__ import annotations

import logging
from typing import Final

from airflow_provider_meetings.api.errors import PermissionDenied, ServerError
from airflow_provider_meetings.api.http.fields import Fields, Raw
from airflow_provider_meetings.api.http.oauth import TokenPair

log = logging.getLogger(__name__)

_read = Fields("feishu")
# The lifetimes in the examples of both pages.
_ACCESS_SECONDS: Final = 7200
_REFRESH_SECONDS: Final = 7 * 86400
CONSENT_SECONDS: Final = 365 * 86400.0
"""How long after a consent the platform renews its tokens; no token lives longer."""


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
def parse_token_pair(body: object) -> TokenPair:
    """Read the tokens of a user.

    The code or refresh token that was sent for them works once, so an answer with both tokens is always accepted:
    invalid lifetimes and scopes are replaced by defaults, with a warning.

    :raises PermissionDenied: if there is no refresh token.
    :raises ServerError: if there is no access token.
    """
    raw = _read.mapping(body, "answer")
    refresh = _read.text(raw, "refresh_token")
    if not refresh:
        raise PermissionDenied(
            "feishu issued no refresh token",
            platform="feishu",
            next_step="Give the app the scope offline_access, let it refresh user tokens (both in the developer "
            "console), publish a version, and have the user consent again.",
        )
    return TokenPair(
        _read.required(raw, "access_token"),
        _seconds(raw, "expires_in", _ACCESS_SECONDS),
        refresh,
        _seconds(raw, "refresh_token_expires_in", _REFRESH_SECONDS),
        raw["scope"] if isinstance(raw.get("scope"), str) else "",
    )


def _seconds(raw: Raw, name: str, default: int) -> int:
    try:
        seconds = _read.integer(raw, name)
    except ServerError:
        seconds = None
    if seconds is None or not 0 < seconds <= CONSENT_SECONDS + 86400:
        log.warning("Invalid %s of a user's token; assuming %d s", name, default)
        return default
    return seconds
