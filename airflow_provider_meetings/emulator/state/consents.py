"""The OAuth consents of Feishu's user: authorization codes with PKCE, access tokens and refresh tokens."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from airflow_provider_meetings.emulator.model.feishu_apps import APP_SCOPES, OFFLINE
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_USER_REFRESH_TOKEN, FEISHU_USER_TOKEN
from airflow_provider_meetings.emulator.state.tokens import Tokens

# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
_CONSENT_SECONDS: Final = 365 * 24 * 3600
# https://open.feishu.cn/document/authentication-management/access-token/obtain-oauth-code
_CODE_SECONDS: Final = 5 * 60
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class ConsentError(Exception):
    """An error of the token endpoint, with its code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Challenge:
    """A PKCE challenge."""

    text: str
    method: Literal["S256", "plain"]


@dataclass(slots=True)
class Consent:
    """One consent. ``app_id`` None: to the self-built app of either cloud."""

    app_id: str | None
    scopes: frozenset[str]
    ends_at: float


Grant = tuple[Consent, frozenset[str]]
"""A consent, and those of its scopes that a token has."""


@dataclass(slots=True)
class _Code:
    consent: Consent
    redirect_uri: str
    challenge: Challenge | None
    expires_at: float
    used: bool = False


@dataclass(slots=True)
class _RefreshToken:
    consent: Consent
    expires_at: float
    status: Literal["valid", "used", "revoked"] = "valid"


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The tokens of one answer; without ``offline_access`` there is no refresh token. Lifetimes in whole seconds."""

    access_token: str
    scopes: frozenset[str]
    refresh_token: str | None
    refresh_seconds: int


class Consents:
    """Hold the consents of the one user; safe to use from several threads.

    :param clock: seconds since the epoch.
    :param tokens: holds the access tokens.
    """

    def __init__(self, clock: Callable[[], float], tokens: Tokens) -> None:
        self._clock = clock
        self._tokens = tokens
        self._lock = threading.RLock()
        self.presented: Counter[str] = Counter()
        self.reset()

    def reset(self) -> None:
        """Forget all consents and grant the first again, now: to all scopes of the app, with the two fixed tokens."""
        with self._lock:
            first = Consent(None, APP_SCOPES, self._clock() + _CONSENT_SECONDS)
            self._codes: dict[str, _Code] = {}
            self._refresh_tokens = {FEISHU_USER_REFRESH_TOKEN: _RefreshToken(first, first.ends_at)}
            self._access_tokens = {FEISHU_USER_TOKEN: (first, first.scopes)}
            self._granted_scopes: dict[str, frozenset[str]] = {}
            self.presented.clear()

    def authorize(self, app_id: str, scopes: frozenset[str], redirect_uri: str, challenge: Challenge | None) -> str:
        """Return an authorization code for a new consent.

        The scopes of a user's consents to an app add up. Assumed: ``offline_access`` does not, and the consent of the
        fixed tokens does not count.
        """
        with self._lock:
            granted = self._granted_scopes.get(app_id, frozenset()) | scopes
            self._granted_scopes[app_id] = granted - {OFFLINE}
            consent = Consent(app_id, granted, self._clock() + _CONSENT_SECONDS)
            code = secrets.token_urlsafe(48)
            self._codes[code] = _Code(consent, redirect_uri, challenge, self._clock() + _CODE_SECONDS)
            return code

    def use_code(
        self, code: str, app_id: str, redirect_uri: str | None, verifier: str | None, *, scope: str | None
    ) -> Grant:
        """Return the consent of ``code`` with the requested scopes, and mark the code as used.

        A refused request does not use it: assumed.

        :raises ConsentError: the request is refused.
        """
        with self._lock:
            known = self._codes.get(code)
            if known is None:
                raise ConsentError(20003)
            if known.consent.app_id != app_id:
                raise ConsentError(20024)
            if known.used:
                raise ConsentError(20065)
            if self._clock() >= known.expires_at:
                raise ConsentError(20004)
            if redirect_uri is not None and redirect_uri != known.redirect_uri:
                raise ConsentError(20071)
            if known.challenge is not None and not _verify(known.challenge, verifier):
                raise ConsentError(20049)
            scopes = _requested_scopes(known.consent, scope)
            known.used = True
            return known.consent, scopes

    def use_refresh_token(self, refresh_token: str, app_id: str, *, self_built: bool, scope: str | None) -> Grant:
        """Return the consent of ``refresh_token`` with the requested scopes, and mark the token as used, as a code.

        :raises ConsentError: the request is refused.
        """
        with self._lock:
            known = self._refresh_tokens.get(refresh_token)
            if known is None:
                raise ConsentError(20026)
            if known.consent.app_id != app_id and not (known.consent.app_id is None and self_built):
                raise ConsentError(20024)
            if known.status != "valid":
                raise ConsentError(20073 if known.status == "used" else 20064)
            if self._clock() >= min(known.expires_at, known.consent.ends_at):
                raise ConsentError(20037)
            scopes = _requested_scopes(known.consent, scope)
            known.status = "used"
            return known.consent, scopes

    def issue(self, grant: Grant, seconds: int, refresh_seconds: int) -> TokenPair:
        """Return new tokens. The refresh token expires no later than the consent."""
        consent, scopes = grant
        with self._lock:
            token = self._tokens.new("feishu_user", seconds)
            self._access_tokens[token] = grant
            if OFFLINE not in scopes:
                return TokenPair(token, scopes, None, 0)
            refresh_token = "eyJ." + secrets.token_urlsafe(32)
            lifetime = min(refresh_seconds, int(consent.ends_at - self._clock()))
            self._refresh_tokens[refresh_token] = _RefreshToken(consent, self._clock() + lifetime)
            return TokenPair(token, scopes, refresh_token, lifetime)

    def by_access_token(self, access_token: str) -> Grant:
        """Return the consent of a user's access token and the scopes of this token.

        :raises KeyError: the token is unknown.
        """
        return self._access_tokens[access_token]

    def count_presented(self, refresh_token: object) -> None:
        """Count one request with ``refresh_token``, also if it is refused."""
        if isinstance(refresh_token, str):
            with self._lock:
                self.presented[refresh_token] += 1

    def revoke(self, refresh_token: str) -> bool:
        """Revoke ``refresh_token``; return whether it exists."""
        with self._lock:
            known = self._refresh_tokens.get(refresh_token)
            if known is not None and known.status == "valid":
                known.status = "revoked"
            return known is not None


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
def _verify(challenge: Challenge, verifier: str | None) -> bool:
    """Return whether ``verifier`` matches ``challenge``."""
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        return False
    expected = verifier
    if challenge.method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return expected == challenge.text


def _requested_scopes(consent: Consent, scope: str | None) -> frozenset[str]:
    """Return the scopes in ``scope``, or all scopes of ``consent`` if it is empty.

    :raises ConsentError: ``scope`` has a duplicate, or a scope that was not granted.
    """
    requested = (scope or "").split()
    if not requested:
        return consent.scopes
    if len(set(requested)) != len(requested):
        raise ConsentError(20067)
    if not consent.scopes.issuperset(requested):
        raise ConsentError(20068)
    return frozenset(requested)
