"""Tokens that processes share: one fetch for all of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from airflow_provider_meetings.api.errors import MESSAGE_FIELDS, AuthenticationError, RateLimited, ServerError
from airflow_provider_meetings.api.http.auth import Token, TokenStore
from airflow_provider_meetings.coordination.backend import Backend, Busy
from airflow_provider_meetings.coordination.encryption import Encryptor
from airflow_provider_meetings.coordination.memory import AGAIN_SECONDS, TIMEOUT_SECONDS, ProcessTokenStore
from airflow_provider_meetings.coordination.stored import MAX_VALUE_SECONDS

log = logging.getLogger(__name__)

REFUSED_SECONDS: Final = 60.0
"""Seconds for which no process tries a refused secret again."""


class SharedTokens(TokenStore):
    """Look for a token in this process, then in the backend; else fetch one while all others wait.

    :param backend: a backend that raises no `BackendError` except `Busy`.
    :param secret: the app's secret; stored tokens are encrypted under a key derived from it.
    :param memory: the tokens of this process, which outlive a hook.
    :param timeout: seconds to wait for another thread's or process's fetch.
    """

    def __init__(
        self,
        backend: Backend,
        secret: str,
        memory: ProcessTokenStore,
        clock: Callable[[], float] = time.time,
        *,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._backend = backend
        self._encryptor = Encryptor(secret)
        self._memory = memory
        self._clock = clock
        self._timeout = min(timeout, TIMEOUT_SECONDS)
        self._gave_up = float("-inf")

    def token(self, key: str, fetch: Callable[[], Token], *, rejected: str | None = None) -> Token:
        """Return a fresh token under `key`; see `TokenStore`.

        :raises AuthenticationError: if the platform refuses the secret, or has refused it within the last minute.
        :raises ServerError: if others have been fetching for longer than the timeout.
        """
        timeout = self._timeout + 10.0  # another thread fetches after it has waited in vain
        return self._memory.token(
            key, lambda: self._get_or_fetch(key, fetch, rejected), rejected=rejected, timeout=timeout
        )

    def _get_or_fetch(self, key: str, fetch: Callable[[], Token], rejected: str | None) -> Token:
        before = self._backend.get(key)
        old = self._memory.existing(key) if rejected else None
        token = self._usable(key, before, old)
        if token is not None and (token.value != rejected or self._backend.get(_unchanged(key)) is not None):
            return token
        try:
            # The retries of a call do not wait again.
            again = 0 <= self._clock() - self._gave_up < self._timeout
            with self._backend.lock(key, 0.0 if again else self._timeout):
                stored = self._backend.get(key)
                # A token that another process has fetched is used even if its value is the same: Feishu returns
                # the same token while it considers it valid.
                if stored != before and (token := self._usable(key, stored, old)):
                    return token
                return self._fetch(key, fetch, rejected)
        except Busy as busy:
            self._gave_up = self._clock()
            if self._timeout < TIMEOUT_SECONDS:
                text = f"another process has been fetching a token: {busy}"
                raise ServerError(text, retry_after=TIMEOUT_SECONDS) from None
            log.warning("Fetching a token without waiting for another process's fetch: %s", busy)
            return self._fetch(key, fetch, rejected)

    def _fetch(self, key: str, fetch: Callable[[], Token], rejected: str | None) -> Token:
        self._raise_if_refused(key)
        try:
            token = fetch()
        except (RateLimited, ServerError) as error:
            # Tokens are renewed early, so the old one may still be valid.
            old = self._decrypt(key, self._backend.get(key))
            if old is None or old.value == rejected or old.expires_at - self._clock() < AGAIN_SECONDS:
                raise
            log.warning("Cannot renew a token; using the old one until it expires: %s", error)
            return old
        except AuthenticationError as error:
            if not error.token_rejected:
                fields = {name: getattr(error, name) for name in (*MESSAGE_FIELDS, "retry_after")}
                # Sealed: whoever can write to the store could prolong the lifetime there.
                fields["ends"] = self._clock() + REFUSED_SECONDS
                self._set(_refusal(key), fields, REFUSED_SECONDS)
            raise
        self.put(key, token)
        if token.value == rejected:
            # The login returns a token that the endpoints reject. Another fetch would not change that.
            self._backend.set(_unchanged(key), b"1", REFUSED_SECONDS)
        return token

    def put(self, key: str, token: Token) -> None:
        """Store a token in the backend, for all processes."""
        content = {"value": token.value, "expires_at": token.expires_at, "lifetime": token.lifetime}
        self._set(key, content, min(token.expires_at - self._clock(), MAX_VALUE_SECONDS))

    def _usable(self, key: str, value: bytes | None, rejected: Token | None) -> Token | None:
        token = self._decrypt(key, value)
        if token is None:
            return None
        # A token older than the rejected one was stored before a backend failed, or by another process.
        newer = rejected is None or token.expires_at >= rejected.expires_at
        return token if newer and token.plausible(self._clock()) and self._memory.fresh(token) else None

    def _decrypt(self, key: str, value: bytes | None) -> Token | None:
        content = self._encryptor.decrypt(key, value) if value else None
        return Token(content["value"], content["expires_at"], content["lifetime"]) if content else None

    def _raise_if_refused(self, key: str) -> None:
        value = self._backend.get(_refusal(key))
        fields = self._encryptor.decrypt(_refusal(key), value) if value else None
        if fields and 0 < fields.pop("ends", 0.0) - self._clock() <= 2 * REFUSED_SECONDS:
            raise AuthenticationError(**fields)

    def _set(self, name: str, content: dict[str, object], lifetime: float) -> None:
        self._backend.set(name, self._encryptor.encrypt(name, content), lifetime)


class FetchedTokens(TokenStore):
    """Fetch each token anew, which proves the login, and keep it in `by_key`. Nothing is shared, refusals neither."""

    def __init__(self) -> None:
        self.by_key: dict[str, Token] = {}

    def token(self, key: str, fetch: Callable[[], Token], *, rejected: str | None = None) -> Token:
        self.by_key[key] = token = fetch()
        return token


def _unchanged(key: str) -> str:
    return f"{key}|same"


def _refusal(key: str) -> str:
    return f"{key}|refused"
