"""The consent of a user in a browser, perhaps on another machine: an address to open, one to paste back, tokens."""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from airflow_provider_meetings.api.errors import InvalidRequest, PermissionDenied, ServerError
from airflow_provider_meetings.api.http.fields import Raw
from airflow_provider_meetings.api.http.oauth import TokenPair
from airflow_provider_meetings.platforms.feishu.api.models import FeishuAnswer
from airflow_provider_meetings.platforms.feishu.auth.identity import Consent
from airflow_provider_meetings.platforms.feishu.errors import accounts_url

log = logging.getLogger(__name__)

# The lifetimes in the examples of both pages.
_ACCESS_SECONDS: Final = 7200
_REFRESH_SECONDS: Final = 7 * 86400
CONSENT_SECONDS: Final = 365 * 86400.0
"""How long after a consent the platform renews its tokens; no token lives longer."""
START_AGAIN = "Start again: the address of a consent works once, within ten minutes, and its code within five."


# https://open.feishu.cn/document/common-capabilities/sso/api/obtain-oauth-code
def start_consent(base_url: str, app_id: str, consent: Consent) -> tuple[str, str, dict[str, str]]:
    """Return the address that the user opens, its state, and what `FeishuSession.exchange_code` needs with the code.

    The address contains no secret; the last is one.
    """
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    challenge = hashlib.sha256(verifier.encode()).digest()
    query = {
        "client_id": app_id,
        "response_type": "code",
        "redirect_uri": consent.redirect_uri,
        "scope": " ".join(consent.scopes),
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    address = f"{accounts_url(base_url)}/open-apis/authen/v1/authorize?{urlencode(query)}"
    return address, state, {"verifier": verifier, "redirect_uri": consent.redirect_uri}


# https://open.feishu.cn/document/common-capabilities/sso/api/obtain-oauth-code
def read_redirect(redirected_to: str) -> tuple[str, str]:
    """Return code and state of the address that the browser was redirected to. Errors do not show the address.

    :raises PermissionDenied: if the user refused.
    :raises InvalidRequest: for an address without code or state.
    """
    try:
        query = parse_qs(urlsplit(redirected_to.strip()).query)
    except ValueError:
        query = {}
    code, state, error = (query.get(name, [""])[0] for name in ("code", "state", "error"))
    if error:
        raise PermissionDenied("The user did not consent", next_step=START_AGAIN)
    if not code or not state:
        raise InvalidRequest(
            "This is not the address that the browser was redirected to: it has no code and no state",
            next_step="Copy all of it from the browser's address line, even if the page shows an error.",
        )
    # A terminal in another encoding may produce half a surrogate pair.
    return code, state.encode(errors="replace").decode()


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
def parse_token_pair(body: object) -> TokenPair:
    """Read the tokens of a user.

    The code or refresh token that was sent for them works once, so an answer with both tokens is always accepted:
    invalid lifetimes and scopes are replaced by defaults, with a warning.

    :raises PermissionDenied: if there is no refresh token.
    :raises ServerError: if there is no access token.
    """
    raw = FeishuAnswer.fields.mapping(body, "answer")
    refresh = FeishuAnswer.fields.text(raw, "refresh_token")
    if not refresh:
        raise PermissionDenied(
            "feishu issued no refresh token",
            platform="feishu",
            next_step="Give the app the scope offline_access, let it refresh user tokens (both in the developer "
            "console), publish a version, and have the user consent again.",
        )
    return TokenPair(
        FeishuAnswer.fields.required(raw, "access_token"),
        _seconds(raw, "expires_in", _ACCESS_SECONDS),
        refresh,
        _seconds(raw, "refresh_token_expires_in", _REFRESH_SECONDS),
        raw["scope"] if isinstance(raw.get("scope"), str) else "",
    )


def _seconds(raw: Raw, name: str, default: int) -> int:
    try:
        seconds = FeishuAnswer.fields.integer(raw, name)
    except ServerError:
        seconds = None
    if seconds is None or not 0 < seconds <= CONSENT_SECONDS + 86400:
        log.warning("Invalid %s of a user's token; assuming %d s", name, default)
        return default
    return seconds
