"""Share within this process: its tokens, and a backend in its memory."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from airflow_provider_meetings.api.errors import RateLimited, ServerError
from airflow_provider_meetings.api.http.auth import Token
from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Busy

log = logging.getLogger(__name__)

AGAIN_SECONDS = 20.0
"""So long nobody here tries to renew a token again that works still."""


class ProcessTokenStore:
    """Hold tokens in memory, with single flight per key.

    A rejected value is compared with the stored one, so that of many threads that saw the same
    rejection only the first fetches anew.

    :param early: how much sooner than need be this process renews a token, as a part of the usual time before its end.
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
        """Return a fresh token under `key`; see `TokenStore`.

        One that works still is used on if a new one cannot be had just now.

        :param timeout: wait so many seconds for another thread's fetch.
        :raises ServerError: if that is not over by then.
        """
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        if not lock.acquire(timeout=timeout):
            raise ServerError(f"another thread has been fetching a token for {timeout:g} s")
        try:
            held = self._tokens.get(key)
            if held is None or held.value == rejected:
                return self._keep(key, fetch())
            if self.fresh(held) or self._clock() < self._again_at.get(key, 0.0):
                return held
            try:
                return self._keep(key, fetch())
            except (RateLimited, ServerError) as error:
                if self._clock() >= held.expires_at - AGAIN_SECONDS:
                    raise
                self._again_at[key] = self._clock() + AGAIN_SECONDS
                log.warning("The token works still and is used on, for it could not be renewed: %s", error)
                return held
        finally:
            lock.release()

    def unlock_in_child(self) -> None:
        """Have locks that nobody holds: those of the parent's threads, which a fork has copied, are never let go."""
        self._guard = threading.Lock()
        self._locks.clear()

    def _keep(self, key: str, token: Token) -> Token:
        self._tokens[key] = token
        self._again_at.pop(key, None)
        return token

    def held(self, key: str) -> Token | None:
        """Return the last token under `key`, whatever its age."""
        return self._tokens.get(key)

    def fresh(self, token: Token) -> bool:
        """Tell whether this process still uses the token, or renews it."""
        return token.fresh(self._clock(), self._early(token))


def process_share(token: Token) -> float:
    """Return a number from 0 to 1, the same for a token and a process, another in each process.

    By it not all who share a token come for the next one in the same second.
    """
    digest = hashlib.sha256(f"{os.getpid()} {token.value}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


PROCESS_TOKENS = ProcessTokenStore(early=process_share)
# A fetch takes as long as a login does; all other locks here are held for microseconds.
os.register_at_fork(after_in_child=PROCESS_TOKENS.unlock_in_child)


class MemoryBackend:
    """Share between the threads of this process; see `Backend`. A hold keeps no order of asking, slots do."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._values: dict[str, tuple[bytes, float]] = {}
        self._holds: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._last: dict[str, float] = {}
        self._blocked: dict[str, float] = {}

    def get(self, key: str) -> bytes | None:
        """Return what was set; see `Backend`."""
        with self._guard:
            value, ends_at = self._values.get(key, (None, 0.0))
            return value if self._clock() < ends_at else None

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        """Set a value; see `Backend`."""
        with self._guard:
            self._values[key] = value, self._clock() + lifetime

    @contextlib.contextmanager
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        """Be the only one who holds the key; see `Backend`."""
        with self._guard:
            lock = self._holds[key]
        if not lock.acquire(timeout=max(timeout, 0.0)):
            raise Busy(f"another thread has held this for {timeout:g} s")
        try:
            yield
        finally:
            lock.release()

    def reserve(self, key: str, rates: Sequence[Rate], longest: float) -> float:
        """Take the next free slot; see `Backend`. Evenly spread, the slowest of the rates is the rate of all."""
        with self._guard:
            now = self._clock()
            spacing = max(rate.spacing for rate in rates)
            free_at = max(now, self._blocked.get(key, now), self._last.get(key, now - spacing) + spacing)
            if free_at - now > longest:
                raise Busy.until_slot(free_at - now, longest)
            self._last[key] = free_at
            return free_at - now

    def block(self, key: str, seconds: float) -> None:
        """Give no slot for a while; see `Backend`."""
        with self._guard:
            until = self._clock() + seconds
            self._blocked[key] = max(until, self._blocked.get(key, until))

    def close(self) -> None:
        """Do nothing: all is memory."""
