"""Sign requests with a token, renewed before it expires and when the platform rejects it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import requests
import requests.auth

from airflow_provider_meetings.api.sanitize import NeverPickled

RENEW_BEFORE_SECONDS = 300.0
"""A token is renewed this long before it expires, or when a tenth of its lifetime is left, whichever is later."""

_CLOCK_SLACK_SECONDS = 60.0


@dataclass(frozen=True, slots=True, repr=False)
class Token(NeverPickled):
    """A token; `expires_at` in seconds since the epoch, `lifetime` in seconds."""

    value: str
    expires_at: float
    lifetime: float

    def fresh(self, now: float, early: float = 0.0) -> bool:
        """Return whether the token needs no renewal yet.

        :param early: renew earlier by this fraction of the usual margin.
        """
        return now < self.expires_at - min(RENEW_BEFORE_SECONDS, self.lifetime / 10) * (1 + early)

    def plausible(self, now: float) -> bool:
        """Return whether it expires within its lifetime; otherwise a clock was set back since it was stored."""
        return self.expires_at - now <= self.lifetime + _CLOCK_SLACK_SECONDS

    def __repr__(self) -> str:
        return f"Token(value=***, expires_at={self.expires_at:.0f})"


def token_key(platform: str, base_url: str, app: str, secret: str, kind: str = "tenant") -> str:
    """Return the key of a shared token; it contains a digest of the secret, so that a rotated secret has its own."""
    digest = hashlib.sha256(secret.encode()).hexdigest()[:16]
    return "|".join((platform, base_url, app, kind, digest))


class TokenStore(Protocol):
    """Share tokens; implemented in `coordination`."""

    def token(self, key: str, fetch: Callable[[], Token], *, rejected: str | None = None) -> Token:
        """Return a fresh token for `key`; only one thread at a time fetches it.

        :param rejected: a value that the platform rejected; it is not returned again.
        """
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Signature(requests.auth.AuthBase, NeverPickled):
    """Write a token on a request.

    `freshly_fetched` is True if the token was fetched for this request, not read from the store.
    """

    value: str
    place: Callable[[requests.PreparedRequest, str], None]
    freshly_fetched: bool = True

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self.place(request, self.value)
        return request


@dataclass(eq=False, repr=False, kw_only=True)
class TokenAuth:
    """Return a signature for each attempt.

    :param key: of the token in the store.
    :param fetch: requests a token from the platform.
    :param place: writes the token on a prepared request, as a header or a query parameter.
    :param on_secret: called with each token before it is used, to mask it in logs.
    """

    key: str
    fetch: Callable[[], Token]
    place: Callable[[requests.PreparedRequest, str], None]
    store: TokenStore
    on_secret: Callable[[str], None]

    def signature(self, *, rejected: Signature | None = None) -> Signature:
        """Return a signature with a fresh token, other than that of `rejected`."""
        fetched = False

        def fetch() -> Token:
            nonlocal fetched
            fetched = True
            return self.fetch()

        token = self.store.token(self.key, fetch, rejected=rejected.value if rejected else None)
        self.on_secret(token.value)
        return Signature(token.value, self.place, freshly_fetched=fetched)
