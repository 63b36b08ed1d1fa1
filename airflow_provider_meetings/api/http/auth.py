"""Put a token on a request, renew it early, and renew it once more when the platform rejects it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import requests
import requests.auth

from airflow_provider_meetings.api.sanitize import NeverPickled

RENEW_BEFORE_SECONDS = 300.0
"""A token is renewed this long before it ends, or when a tenth of its life is left, whichever is later."""

_CLOCK_SLACK_SECONDS = 60.0


@dataclass(frozen=True, slots=True, repr=False)
class Token(NeverPickled):
    """A bearer value with its end, in seconds since the epoch of the clock that made it."""

    value: str
    expires_at: float
    lifetime: float

    def fresh(self, now: float, early: float = 0.0) -> bool:
        """Tell whether the token is still to be used, or should be renewed already.

        :param early: renew so much sooner, as a part of the usual time before its end.
        """
        return now < self.expires_at - min(RENEW_BEFORE_SECONDS, self.lifetime / 10) * (1 + early)

    def plausible(self, now: float) -> bool:
        """Tell whether it has no more than its life before it: else a clock has been set back since it was written."""
        return self.expires_at - now <= self.lifetime + _CLOCK_SLACK_SECONDS

    def __repr__(self) -> str:
        return f"Token(value=***, expires_at={self.expires_at:.0f})"


def token_key(platform: str, base_url: str, app: str, secret: str, kind: str = "tenant") -> str:
    """Name a shared token; a digest of the secret is part of it, so that a rotated secret starts anew."""
    digest = hashlib.sha256(secret.encode()).hexdigest()[:16]
    return "|".join((platform, base_url, app, kind, digest))


class TokenStore(Protocol):
    """Keep tokens for everyone who shares the store; `coordination` holds the implementations."""

    def token(self, key: str, fetch: Callable[[], Token], *, rejected: str | None = None) -> Token:
        """Return a fresh token under `key`, fetching at most once at a time.

        :param rejected: a value that the platform refused; it is never returned from the store again.
        """
        ...


class Signature(requests.auth.AuthBase, NeverPickled):
    """Write one token on one request.

    `freshly_fetched` tells that the token was fetched for this request, and not taken from those who share it.
    """

    def __init__(
        self, value: str, place: Callable[[requests.PreparedRequest, str], None], *, freshly_fetched: bool = True
    ) -> None:
        self.value = value
        self.freshly_fetched = freshly_fetched
        self._place = place

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Place the token where the platform wants it."""
        self._place(request, self.value)
        return request


class TokenAuth:
    """Give a signature for each attempt, so that a retry signs anew.

    :param key: under which name the token is shared; holds no secret.
    :param fetch: asks the platform for a token.
    :param place: writes the token's value on a prepared request: a header, a query parameter.
    :param store: where tokens are shared.
    :param on_secret: is told each value before it is used, so that logs can mask it.
    """

    def __init__(
        self,
        *,
        key: str,
        fetch: Callable[[], Token],
        place: Callable[[requests.PreparedRequest, str], None],
        store: TokenStore,
        on_secret: Callable[[str], None],
    ) -> None:
        self._key = key
        self._fetch = fetch
        self._place = place
        self._store = store
        self._on_secret = on_secret

    def signature(self, *, rejected: Signature | None = None) -> Signature:
        """Return a signature with a fresh token, and with a new one if `rejected` was refused."""
        fetched = False

        def fetch() -> Token:
            nonlocal fetched
            fetched = True
            return self._fetch()

        token = self._store.token(self._key, fetch, rejected=rejected.value if rejected else None)
        self._on_secret(token.value)
        return Signature(token.value, self._place, freshly_fetched=fetched)
