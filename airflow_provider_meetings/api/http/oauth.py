"""Tokens that a user has consented to: an access token, and a single-use refresh token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import requests

from airflow_provider_meetings.api.http.auth import Signature, Token, TokenAuth
from airflow_provider_meetings.api.sanitize import NeverPickled


@dataclass(frozen=True, slots=True, repr=False)
class TokenPair(NeverPickled):
    """An access token and a refresh token, with their lifetimes in seconds and their scope."""

    access: str
    access_seconds: float
    refresh: str
    refresh_seconds: float
    scope: str

    def __repr__(self) -> str:
        return f"TokenPair(access=***, refresh=***, scope={self.scope!r})"


@dataclass(frozen=True, slots=True)
class ConsentStatus:
    """The validity of a consent; times in seconds since the epoch.

    :param renewable_until: when the current refresh token expires; each renewal returns a new one.
    :param instead_of: the user whose consent was replaced, or empty.
    """

    consent_ends: float
    renewable_until: float
    scope: str
    user: str
    instead_of: str = ""


CONSENT_DAYS: Final = 14
REFRESH_DAYS: Final = 2
"""Days before an expiry at which it is reported."""
_DAY: Final = 86400.0

Renew = Callable[[str], TokenPair]
"""Send a refresh token to the platform, once, and return the new pair.

It may run in another thread and must not mask secrets: Airflow 3.2's triggerer loses its connection to the supervisor
if an unknown thread uses it.
"""
Ready = Callable[[str], None]
"""Wait until a refresh token may be sent; called in the thread of the caller."""


class UserTokens(Protocol):
    """Share the tokens of one user, and the consents in progress; implemented in `coordination`."""

    def token(self, renew: Renew, *, ready: Ready | None = None, rejected: str | None = None) -> Token:
        """Return a valid token, renewed if necessary.

        :param ready: called before the refresh token is recorded as sent; if it raises, the token stays usable.
        :param rejected: a value that the platform rejected; it is not returned again.
        :raises AuthenticationError: if the user must consent again.
        """

    def consent_status(self) -> ConsentStatus | None:
        """Return the validity of the consent; None if there is no readable one.

        :raises StoreError: if the store is unreachable.
        """

    def accept(self, tokens: TokenPair, user: str = "") -> ConsentStatus:
        """Replace the stored tokens by those of a new consent; they are stored when this returns.

        :param user: the user who consented, or empty if unknown.
        """

    def now(self) -> float:
        """Return the current time of the store, in seconds since the epoch."""

    def begin_consent(self, state: str, pending: dict[str, Any]) -> None:
        """Store for ten minutes what must be known when the browser returns with this state."""

    def pending_consent(self, state: str) -> dict[str, Any] | None:
        """Return the consent in progress; None if there is none, it has expired or it is finished."""

    def finish_consent(self, state: str) -> None:
        """Delete the consent in progress, before its result is used: it is valid once. Others stay."""


def day(timestamp: float) -> str:
    """Format seconds since the epoch as a day in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")


def ends_soon(consent_status: ConsentStatus, now: float) -> str:
    """Return a warning about a consent or token that expires within days, or an empty text."""
    if consent_status.consent_ends - now < CONSENT_DAYS * _DAY:
        return f"The user's consent expires on {day(consent_status.consent_ends)} (UTC), even if it is renewed."
    if consent_status.renewable_until - now < REFRESH_DAYS * _DAY:
        return f"The user's token can be renewed only until {day(consent_status.renewable_until)} (UTC)."
    return ""


class UserTokenAuth(TokenAuth):
    """Sign with a user's token; see `TokenAuth`."""

    def __init__(
        self,
        *,
        users: UserTokens,
        renew: Renew,
        ready: Ready | None = None,
        place: Callable[[requests.PreparedRequest, str], None],
        on_secret: Callable[[str], None],
    ) -> None:
        self._users = users
        self._renew = renew
        self._ready = ready
        self.place = place
        self.on_secret = on_secret

    def signature(self, *, rejected: Signature | None = None) -> Signature:
        renewed: list[TokenPair] = []

        def renew(refresh: str) -> TokenPair:
            renewed.append(self._renew(refresh))
            return renewed[-1]

        try:
            token = self._users.token(renew, ready=self._ready, rejected=rejected.value if rejected else None)
        finally:
            for pair in renewed:  # masked here and not in `renew`, which may run in another thread
                self.on_secret(pair.access)
                self.on_secret(pair.refresh)
        self.on_secret(token.value)
        return Signature(token.value, self.place, freshly_fetched=bool(renewed))
