"""Share within this process: its token store, and a backend in memory."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from airflow_provider_meetings.api.errors import RateLimited, ServerError
from airflow_provider_meetings.api.http.auth import Token, TokenStore
from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend, Busy

log = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 90.0
"""Seconds that another's fetch may take. No transport waits as long before a retry, so a call waits for it once."""
AGAIN_SECONDS = 20.0
"""Seconds between two attempts to renew a token that is still valid."""


class ProcessTokenStore(TokenStore):
    """Keep tokens in memory, and fetch one at a time per key.

    Of several threads that saw the same token rejected, only the first one fetches a new one.

    :param early: how much earlier this process renews a token, as a fraction of the usual time before its end.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, early: Callable[[Token], float] = lambda token: 0.0
    ) -> None:
        self._clock = clock
        self._early = early
        self._tokens: dict[str, Token] = {}
        self._again_at: dict[str, float] = {}
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def token(
        self,
        key: str,
        fetch: Callable[[], Token],
        *,
        rejected: str | None = None,
        timeout: float = threading.TIMEOUT_MAX,
    ) -> Token:
        """Return a fresh token under `key`.

        A token that is still valid is returned if it cannot be renewed now.

        :param timeout: seconds to wait for another thread's fetch.
        :raises ServerError: after that time.
        """
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        if not lock.acquire(timeout=timeout):
            text = f"another thread has been fetching a token for {timeout:g} s"
            raise ServerError(text, retry_after=TIMEOUT_SECONDS)
        try:
            existing = self._tokens.get(key)
            if existing is None or existing.value == rejected:
                return self._keep(key, fetch())
            if self.fresh(existing) or self._clock() < self._again_at.get(key, 0.0):
                return existing
            try:
                return self._keep(key, fetch())
            except (RateLimited, ServerError) as error:
                if self._clock() >= existing.expires_at - AGAIN_SECONDS:
                    raise
                self._again_at[key] = self._clock() + AGAIN_SECONDS
                log.warning("Cannot renew a token; using the old one until it expires: %s", error)
                return existing
        finally:
            lock.release()

    def reset_locks(self) -> None:
        """Forget locks that threads of the parent process held at a fork; they are never released here."""
        self._guard = threading.Lock()
        self._locks.clear()

    def _keep(self, key: str, token: Token) -> Token:
        self._tokens[key] = token
        self._again_at.pop(key, None)
        return token

    def existing(self, key: str) -> Token | None:
        return self._tokens.get(key)

    def fresh(self, token: Token) -> bool:
        """Return whether this process still uses the token instead of renewing it."""
        return token.fresh(self._clock(), self._early(token))


def process_share(token: Token) -> float:
    """Return a number from 0 to 1 that depends on the token and the process.

    It spreads renewals: otherwise all processes that share a token would renew it in the same second.
    """
    digest = hashlib.sha256(f"{os.getpid()} {token.value}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


PROCESS_TOKENS = ProcessTokenStore(early=process_share)
# A fetch lasts as long as a login; all other locks here are held for microseconds.
os.register_at_fork(after_in_child=PROCESS_TOKENS.reset_locks)


class MemoryBackend(Backend):
    """Share between the threads of this process. Slots, but not locks, keep the order of requests."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._values: dict[str, tuple[bytes, float]] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._last_slots: dict[str, float] = {}
        self._blocked: dict[str, float] = {}

    def get(self, key: str) -> bytes | None:
        with self._guard:
            value, expires_at = self._values.get(key, (None, 0.0))
            return value if self._clock() < expires_at else None

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        with self._guard:
            self._values[key] = value, self._clock() + lifetime

    @contextlib.contextmanager
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        with self._guard:
            lock = self._locks[key]
        if not lock.acquire(timeout=max(timeout, 0.0)):
            raise Busy(f"another thread has held this lock for {timeout:g} s")
        try:
            yield
        finally:
            lock.release()

    def reserve(self, key: str, rates: Sequence[Rate], max_wait: float) -> float:
        with self._guard:
            now = self._clock()
            spacing = max(rate.spacing for rate in rates)
            slot = max(now, self._blocked.get(key, now), self._last_slots.get(key, now - spacing) + spacing)
            if slot - now > max_wait:
                raise Busy.until_slot(slot - now, max_wait)
            self._last_slots[key] = slot
            return slot - now

    def block(self, key: str, seconds: float) -> None:
        with self._guard:
            until = self._clock() + seconds
            self._blocked[key] = max(until, self._blocked.get(key, until))
