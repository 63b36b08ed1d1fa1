"""The consent of a user in a browser, which may run on another machine: an address to open, and one to paste back."""

from __future__ import annotations

import base64
import hashlib
import secrets
from urllib.parse import parse_qs, urlencode, urlsplit

from airflow_provider_meetings.api.errors import InvalidRequest, PermissionDenied
from airflow_provider_meetings.platforms.feishu.auth.identity import Consent
from airflow_provider_meetings.platforms.feishu.errors import accounts_url

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
