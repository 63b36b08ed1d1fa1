"""Tokens that processes share: one fetch, however many of them ask."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from airflow_provider_meetings.api.errors import WORDS, AuthenticationError, RateLimited, ServerError
from airflow_provider_meetings.api.http.auth import Token
from airflow_provider_meetings.coordination.backend import Backend, Busy
from airflow_provider_meetings.coordination.encryption import Encryptor
from airflow_provider_meetings.coordination.memory import AGAIN_SECONDS, ProcessTokenStore

log = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 90.0
"""How long others may fetch: a login that connects and answers at the last moment, and some more."""
REFUSED_SECONDS: Final = 60.0
"""A refused secret is not tried again for so long, by anybody."""
_LONGEST_SECONDS: Final = 7 * 86400.0
"""So long a token is kept at the most: backends refuse a number that no token's life is."""


class SharedTokens:
    """Look for a token in this process, then in the backend, then fetch one while all others wait; see `TokenStore`.

    :param backend: one that narrows by itself; of its errors only `Busy` is expected.
    :param secret: the app's; what lies in the backend is encrypted under a key derived from it.
    :param memory: the tokens of this process, which outlive a hook.
    :param timeout: wait so many seconds for another thread's or process's fetch.
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
        self._seal = Encryptor(secret)
        self._memory = memory
        self._clock = clock
        self._timeout = min(timeout, TIMEOUT_SECONDS)

    def token(self, key: str, fetch: Callable[[], Token], *, rejected: str | None = None) -> Token:
        """Return a fresh token under `key`; see `TokenStore`.

        :raises AuthenticationError: if the platform refuses the secret, or did so within the last minute.
        :raises ServerError: if others have been fetching for longer than we wait.
        """
        return self._memory.token(
            key, lambda: self._shared(key, fetch, rejected), rejected=rejected, timeout=self._timeout
        )

    def _shared(self, key: str, fetch: Callable[[], Token], rejected: str | None) -> Token:
        before = self._backend.get(key)
        held = self._memory.held(key) if rejected else None
        token = self._read(key, before, held)
        if token is not None and (token.value != rejected or self._backend.get(_same(key)) is not None):
            return token
        try:
            with self._backend.lock(key, self._timeout):
                now = self._backend.get(key)
                # What another one fetched while we waited is the answer also if it is the same as before: Feishu gives
                # a token again that it believes in.
                if now != before and (token := self._read(key, now, held)):
                    return token
                return self._fetch(key, fetch, rejected)
        except Busy as busy:
            if self._timeout < TIMEOUT_SECONDS:
                raise ServerError(f"another process has been fetching a token: {busy}") from None
            log.warning("Fetching a token without waiting for those who fetch it already: %s", busy)
            return self._fetch(key, fetch, rejected)

    def _fetch(self, key: str, fetch: Callable[[], Token], rejected: str | None) -> Token:
        self._raise_if_refused(key)
        try:
            token = fetch()
        except (RateLimited, ServerError) as error:
            # Renewed early, it works still.
            old = self._parse(key, self._backend.get(key))
            if old is None or old.value == rejected or old.expires_at - self._clock() < AGAIN_SECONDS:
                raise
            log.warning("The token works still and is used on, for it could not be renewed: %s", error)
            return old
        except AuthenticationError as error:
            if not error.token_rejected:
                fields = {name: getattr(error, name) for name in (*WORDS, "retry_after")}
                self._set(_refusal(key), fields, REFUSED_SECONDS)
            raise
        content = {"value": token.value, "expires_at": token.expires_at, "lifetime": token.lifetime}
        self._set(key, content, min(token.expires_at - self._clock(), _LONGEST_SECONDS))
        if token.value == rejected:
            # The platform believes in what its endpoints refuse: asking again and again would not change its mind.
            self._backend.set(_same(key), b"1", REFUSED_SECONDS)
        return token

    def _read(self, key: str, value: bytes | None, rejected: Token | None = None) -> Token | None:
        token = self._parse(key, value)
        if token is None:
            return None
        plausible = token.plausible(self._clock())
        # One older than the rejected one was left by those we shared with before a backend failed or came back.
        newer = rejected is None or token.expires_at >= rejected.expires_at
        return token if plausible and newer and self._memory.fresh(token) else None

    def _parse(self, key: str, value: bytes | None) -> Token | None:
        content = self._seal.open(key, value) if value else None
        return Token(content["value"], content["expires_at"], content["lifetime"]) if content else None

    def _raise_if_refused(self, key: str) -> None:
        value = self._backend.get(_refusal(key))
        if fields := self._seal.open(_refusal(key), value) if value else None:
            raise AuthenticationError(**fields)

    def _set(self, name: str, content: dict[str, object], lifetime: float) -> None:
        self._backend.set(name, self._seal.close(name, content), lifetime)


def _same(key: str) -> str:
    return f"{key}|same"


def _refusal(key: str) -> str:
    return f"{key}|refused"
