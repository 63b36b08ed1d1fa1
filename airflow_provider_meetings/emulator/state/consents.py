"""What users have consented to: authorization codes, refresh tokens that work once, and the end after 365 days."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from airflow_provider_meetings.emulator.model.feishu_apps import APP_SCOPES, OFFLINE
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_USER_REFRESH_TOKEN, FEISHU_USER_TOKEN
from airflow_provider_meetings.emulator.state.tokens import Tokens

Method = Literal["S256", "plain"]

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class Challenge:
    """The public half."""

    text: str
    method: Method


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
def proves(challenge: Challenge | None, verifier: str | None, *, strict: bool) -> bool:
    """Tell whether ``verifier`` belongs to ``challenge``.

    :param strict: refuse one for which there was no challenge.
    """
    if challenge is None:
        return verifier is None or not strict
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        return False
    expected = verifier
    if challenge.method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return secrets.compare_digest(expected.encode(), challenge.text.encode())


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
_CONSENT_SECONDS: Final = 365 * 24 * 3600
# https://open.feishu.cn/document/authentication-management/access-token/obtain-oauth-code
_CODE_SECONDS: Final = 5 * 60


class ConsentError(Exception):
    """Refuse with a code of the token endpoint."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Consent:
    """One consent; ``app_id`` None is the self-built app of whichever cloud. ``tokens``: the access tokens from it."""

    app_id: str | None
    scopes: frozenset[str]
    ends_at: float
    tokens: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Code:
    consent: Consent
    redirect_uri: str
    challenge: Challenge | None
    expires_at: float
    used: bool = False


@dataclass(slots=True)
class _Refresh:
    consent: Consent
    expires_at: float
    status: Literal["good", "used", "revoked"] = "good"


@dataclass(frozen=True, slots=True)
class Grant:
    """What the token endpoint hands out; no refresh token without ``offline_access``. Lifetimes in whole seconds."""

    access_token: str
    scopes: frozenset[str]
    refresh_token: str | None
    refresh_seconds: int


class Consents:
    """Keep the consents of the one user; safe to use from several threads.

    :param clock: the state's, seconds since the epoch.
    :param tokens: where the access tokens are kept.
    """

    def __init__(self, clock: Callable[[], float], tokens: Tokens) -> None:
        self._clock = clock
        self._tokens = tokens
        self._lock = threading.RLock()
        self.presented: Counter[str] = Counter()
        self.forget()

    def forget(self) -> None:
        """Begin anew: the user has just consented, once and to all that the app asks for, with two fixed tokens."""
        with self._lock:
            first = Consent(None, APP_SCOPES, self._clock() + _CONSENT_SECONDS, [FEISHU_USER_TOKEN])
            self._codes: dict[str, _Code] = {}
            self._refresh = {FEISHU_USER_REFRESH_TOKEN: _Refresh(first, first.ends_at)}
            self._granted = {FEISHU_USER_TOKEN: (first, first.scopes)}
            self._agreed: dict[str, frozenset[str]] = {}
            self.presented.clear()

    def agree(self, app_id: str, scopes: frozenset[str], redirect_uri: str, challenge: Challenge | None) -> str:
        """Return an authorization code for what the user has just consented to.

        Scopes add up over a user's consents to an app; assumed: ``offline_access`` does not, and the fixed tokens'
        consent is not among them.
        """
        with self._lock:
            agreed = self._agreed.get(app_id, frozenset()) | scopes
            self._agreed[app_id] = agreed - {OFFLINE}
            consent = Consent(app_id, agreed, self._clock() + _CONSENT_SECONDS)
            code = secrets.token_urlsafe(48)
            self._codes[code] = _Code(consent, redirect_uri, challenge, self._clock() + _CODE_SECONDS)
            return code

    def exchange(
        self,
        code: str,
        app_id: str,
        redirect_uri: str | None,
        verifier: str | None,
        *,
        scope: str | None,
        strict: bool = False,
    ) -> Consent:
        """Return the consent behind ``code``, which then is used; a refusal leaves it as it was (assumed).

        :param strict: refuse a verifier for which there was no challenge, as v3 does and v2 does not.
        :raises ConsentError: why not.
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
            if not proves(known.challenge, verifier, strict=strict):
                raise ConsentError(20049)
            narrowed(known.consent, scope)
            known.used = True
            return known.consent

    def renew(self, refresh_token: str, app_id: str, *, self_built: bool, scope: str | None) -> Consent:
        """Return the consent behind ``refresh_token``, which then is used; it is not if the scopes are refused.

        :raises ConsentError: why not.
        """
        with self._lock:
            known = self._refresh.get(refresh_token)
            if known is None:
                raise ConsentError(20026)
            if known.consent.app_id != app_id and not (known.consent.app_id is None and self_built):
                raise ConsentError(20024)
            if known.status != "good":
                raise ConsentError(20073 if known.status == "used" else 20064)
            if self._clock() >= min(known.expires_at, known.consent.ends_at):
                raise ConsentError(20037)
            narrowed(known.consent, scope)
            known.status = "used"
            return known.consent

    def grant(self, consent: Consent, scope: str | None, seconds: int, refresh_seconds: int) -> Grant:
        """Return new tokens of ``consent``, with the scopes of ``scope`` alone if it is given.

        The refresh token does not outlive the consent: 365 days.

        :raises ConsentError: ``scope`` names one twice, or one that was not granted.
        """
        with self._lock:
            scopes = narrowed(consent, scope)
            token = self._tokens.new("feishu_user", seconds)
            consent.tokens.append(token)
            self._granted[token] = (consent, scopes)
            if OFFLINE not in scopes:
                return Grant(token, scopes, None, 0)
            following = "eyJ." + secrets.token_urlsafe(32)
            left = min(refresh_seconds, int(consent.ends_at - self._clock()))
            self._refresh[following] = _Refresh(consent, self._clock() + left)
            return Grant(token, scopes, following, left)

    def behind(self, access_token: str) -> tuple[Consent, frozenset[str]]:
        """Return the consent behind a user's token and the scopes of that very token.

        :raises KeyError: no such token was issued.
        """
        with self._lock:
            return self._granted[access_token]

    def present(self, refresh_token: object) -> None:
        """Count one request that shows ``refresh_token``, whatever is answered."""
        if isinstance(refresh_token, str):
            with self._lock:
                self.presented[refresh_token] += 1

    def revoke(self, refresh_token: str) -> bool:
        """Void ``refresh_token``; tell whether there was one."""
        with self._lock:
            known = self._refresh.get(refresh_token)
            if known is not None and known.status == "good":
                known.status = "revoked"
            return known is not None


def narrowed(consent: Consent, scope: str | None) -> frozenset[str]:
    """Return what is left of a consent's scopes; a narrowing does not bind the next one.

    :raises ConsentError: ``scope`` names one twice, or one that was not granted.
    """
    if scope is None or not scope.split():
        return consent.scopes
    asked = scope.split()
    if len(set(asked)) != len(asked):
        raise ConsentError(20067)
    if not consent.scopes.issuperset(asked):
        raise ConsentError(20068)
    return frozenset(asked)
