"""What a user has granted an app: an access token, and a refresh token that works once."""

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
    """One answer of the platform: both tokens, how many seconds each lives, and what may be done with them."""

    access: str
    access_seconds: float
    refresh: str
    refresh_seconds: float
    scope: str

    def __repr__(self) -> str:
        return f"TokenPair(access=***, refresh=***, scope={self.scope!r})"


@dataclass(frozen=True, slots=True)
class ConsentStatus:
    """Until when a consent reaches; times in seconds since the epoch.

    :param renewable_until: end of the refresh token, unless it is used before, which gives another one.
    :param instead_of: another user, whose consent this one has just taken the place of; else empty.
    """

    consent_ends: float
    renewable_until: float
    scope: str
    user: str
    instead_of: str = ""


CONSENT_DAYS: Final = 14
REFRESH_DAYS: Final = 2
"""So many days ahead an end is said."""
_DAY: Final = 86400.0

Renew = Callable[[str], TokenPair]
"""Sends a refresh token to the platform, once and at once, and returns what takes its place.

It may be called in another thread than the one that asks, and so tells nobody of the tokens: Airflow 3.2's triggerer
loses its supervisor if a thread that it does not know speaks with it.
"""
Ready = Callable[[str], None]
"""Waits until a refresh token may be sent; called in the thread that asks."""


class UserTokens(Protocol):
    """Keep the tokens of one user; `coordination` holds the implementation."""

    def token(self, renew: Renew, *, ready: Ready | None = None, rejected: str | None = None) -> Token:
        """Return a token that can be used, renewing it if need be.

        :param ready: called before it is written down that the refresh token is sent; what it raises costs nothing.
        :param rejected: a value that the platform refused; it is never returned again.
        :raises AuthenticationError: if a person must consent (again).
        """

    def consent_status(self) -> ConsentStatus | None:
        """Tell until when the consent reaches; None if there is none that can be read.

        :raises StoreError: if the place where it lies cannot be reached.
        """


class KeptUserTokens(UserTokens, Protocol):
    """Begin a chain besides."""

    def accept(self, grant: TokenPair, user: str = "") -> ConsentStatus:
        """Begin a new chain with what a consent gave, whatever stands there; written before this returns.

        :param user: who has consented, as far as it is known.
        """

    def now(self) -> float:
        """Return the time by which the tokens are judged."""


class ConsentUnderWay(Protocol):
    """Remember between two runs what was begun."""

    def begin(self, pending: dict[str, Any]) -> None:
        """Remember a consent that was begun, for ten minutes."""

    def pending(self) -> dict[str, Any] | None:
        """Return the consent that was begun last, unless that was too long ago or it was finished."""

    def finish(self) -> None:
        """Forget it: it serves once."""


def day(moment: float) -> str:
    """Write a moment as a day, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def ends_soon(consent_status: ConsentStatus, now: float) -> str:
    """Say what ends within days; empty if nothing does."""
    if consent_status.consent_ends - now < CONSENT_DAYS * _DAY:
        return f"The user's consent ends on {day(consent_status.consent_ends)} (UTC), however often it was renewed."
    if consent_status.renewable_until - now < REFRESH_DAYS * _DAY:
        return f"The user's token can be renewed until {day(consent_status.renewable_until)} (UTC) only."
    return ""


class UserTokenAuth(TokenAuth):
    """Give signatures with a user's token; else as `TokenAuth`."""

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
        self._place = place
        self._on_secret = on_secret

    def signature(self, *, rejected: Signature | None = None) -> Signature:
        """Return a signature with a fresh token, and with a new one if `rejected` was refused."""
        grants: list[TokenPair] = []

        def renew(refresh: str) -> TokenPair:
            grants.append(self._renew(refresh))
            return grants[-1]

        try:
            token = self._users.token(renew, ready=self._ready, rejected=rejected.value if rejected else None)
        finally:
            for grant in grants:  # also of one that is not used: see Renew why here
                self._on_secret(grant.access)
                self._on_secret(grant.refresh)
        self._on_secret(token.value)
        return Signature(token.value, self._place, freshly_fetched=bool(grants))
