"""Tokens shared by everything in this process: one fetch, however many hooks and threads ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from airflow_provider_meetings.api.auth import Token


class ProcessTokenStore:
    """Hold tokens in memory, with single flight per key.

    A rejected value is compared with the stored one, so that of many threads that saw the same
    rejection only the first fetches anew.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def token(self, key: str, fetch: Callable[[], Token], *, rejected: str | None = None) -> Token:
        """Return a fresh token under `key`; see `TokenStore`."""
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            held = self._tokens.get(key)
            if held is not None and held.value != rejected and held.fresh(self._clock()):
                return held
            token = fetch()
            self._tokens[key] = token
            return token


PROCESS_TOKENS = ProcessTokenStore()
