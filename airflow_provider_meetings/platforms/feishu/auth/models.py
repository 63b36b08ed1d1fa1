"""What Feishu says of users: what they granted, and who they are."""

from __future__ import annotations

import logging
from typing import Final

from airflow_provider_meetings.api.errors import PermissionDenied, ServerError
from airflow_provider_meetings.api.http.fields import Fields, Raw
from airflow_provider_meetings.api.http.oauth import TokenPair

log = logging.getLogger(__name__)

_read = Fields("feishu")
# Both pages: about two hours, and seven days.
_ACCESS_SECONDS: Final = 7200
_REFRESH_SECONDS: Final = 7 * 86400
CONSENT_SECONDS: Final = 365 * 86400.0
"""How long after a consent the platform renews its tokens; no token lives longer."""


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
def parse_grant(body: object) -> TokenPair:
    """Read the tokens; the answer is flat, its times are seconds from now.

    An answer that holds both tokens is never refused for the rest of it: the platform has used up what they were given
    for, so whoever refused it would have nothing. What is missing, or of another form, is guessed and logged.

    :raises PermissionDenied: if there is no refresh token.
    :raises ServerError: if there is no access token.
    """
    raw = _read.mapping(body, "answer")
    refresh = _read.text(raw, "refresh_token")
    if not refresh:
        raise PermissionDenied(
            "feishu gave no refresh token",
            platform="feishu",
            next_step="Give the app the scope offline_access, let it refresh user tokens (both in the developer "
            "console), publish a version, and have the user consent again.",
        )
    return TokenPair(
        _read.required(raw, "access_token"),
        _seconds(raw, "expires_in", _ACCESS_SECONDS),
        refresh,
        _seconds(raw, "refresh_token_expires_in", _REFRESH_SECONDS),
        _scope(raw),
    )


def _seconds(raw: Raw, name: str, usual: int) -> int:
    try:
        seconds = _read.integer(raw, name)
    except ServerError:
        seconds = None
    if seconds is None or not 0 < seconds <= CONSENT_SECONDS + 86400:
        log.warning("feishu gave a user's token whose %s cannot be true; it is taken for %d s", name, usual)
        return usual
    return seconds


def _scope(raw: Raw) -> str:
    given = raw.get("scope")
    if isinstance(given, list):
        given = " ".join(one for one in given if isinstance(one, str))
    try:
        return _read.text({"scope": given}, "scope") or ""
    except ServerError:
        log.warning("feishu gave a user's token whose scope is of an undocumented form; it is taken for unknown")
        return ""
