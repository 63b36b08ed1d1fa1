"""The consent of a user in a browser, which may run on another machine: an address to open, and one to paste back."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from airflow_provider_meetings.api.errors import InvalidRequest, PermissionDenied
from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.platforms.feishu.auth.identity import Consent
from airflow_provider_meetings.platforms.feishu.errors import accounts_url

_AGAIN = "Start again: the address of a consent works once, within ten minutes, and its code within five."


@dataclass(frozen=True, slots=True, repr=False)
class StartedConsent(NeverPickled):
    """The secrets of a consent that was started, needed again when the browser is redirected."""

    state: str
    verifier: str
    redirect_uri: str

    @classmethod
    def new(cls, redirect_uri: str) -> Self:
        """Return new random secrets."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(48), redirect_uri)

    def to_dict(self) -> dict[str, str]:
        """Return plain JSON, to be encrypted."""
        return {"state": self.state, "verifier": self.verifier, "redirect_uri": self.redirect_uri}

    @classmethod
    def from_dict(cls, data: dict[str, Any] | None, kept: str) -> Self:
        """Read plain JSON.

        :param kept: where consents are kept, as a sentence; empty if all hosts share them.
        :raises InvalidRequest: for None: the consent was not started here, has expired, or is finished.
        """
        if data is None:
            raise InvalidRequest(
                "No consent was started within the last ten minutes for this address: it was used, has expired, or "
                "belongs to another consent or connection",
                next_step=f"{_AGAIN} {kept}".rstrip(),
            )
        return cls(**data)


# https://open.feishu.cn/document/common-capabilities/sso/api/obtain-oauth-code
def consent_address(base_url: str, app_id: str, consent: Consent, started: StartedConsent) -> str:
    """Return the address that the user opens; it contains no secret."""
    challenge = hashlib.sha256(started.verifier.encode()).digest()
    query = {
        "client_id": app_id,
        "response_type": "code",
        "redirect_uri": started.redirect_uri,
        "scope": " ".join(consent.scopes),
        "state": started.state,
        "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    return f"{accounts_url(base_url)}/open-apis/authen/v1/authorize?{urlencode(query)}"


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
        raise PermissionDenied("The user did not consent", next_step=_AGAIN)
    if not code or not state:
        raise InvalidRequest(
            "This is not the address that the browser was redirected to: it has no code and no state",
            next_step="Copy all of it from the browser's address line, even if the page shows an error.",
        )
    # A terminal in another encoding may produce half a surrogate pair.
    return code, state.encode(errors="replace").decode()
