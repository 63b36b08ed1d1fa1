"""Go on with fewer of us while the backend that more of us share cannot be used."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend, BackendError, Busy
from airflow_provider_meetings.coordination.memory import MemoryBackend

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 60.0
"""So long a backend that failed is left alone: one that is slow to fail would hold up each call."""

_T = TypeVar("_T")


class FallbackBackend:
    """Share as widely as possible; see `Backend`. Raises no `BackendError` but `Busy`.

    It warns when it narrows, once until the wide backend answers again, which is logged too.

    :param fallback: what it goes on with, itself a backend that narrows; without it, this process's memory.
    :param primary_name: what the wide one is, for the log, such as "redis connection 'x'".
    """

    def __init__(
        self,
        primary: Backend,
        clock: Callable[[], float] = time.monotonic,
        *,
        fallback: Backend | None = None,
        primary_name: str = "the state folder",
    ) -> None:
        self._primary = primary
        self._fallback = fallback or MemoryBackend(clock)
        self._left = "between the processes of this host" if fallback else "within this process"
        self._primary_name = primary_name
        self._clock = clock
        self._primary_from = clock()
        self._on_fallback = False
        self._guard = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Return what was set; see `Backend`."""
        return self._try(lambda backend: backend.get(key))

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        """Set a value; see `Backend`."""
        self._try(lambda backend: backend.set(key, value, lifetime))

    @contextlib.contextmanager
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        """Be the only one who holds the key; see `Backend`."""
        held = contextlib.ExitStack()
        self._try(lambda backend: held.enter_context(backend.lock(key, timeout)))
        try:
            yield
        finally:
            try:
                held.close()
            except BackendError as error:
                self._leave(error)

    def reserve(self, key: str, rates: Sequence[Rate], longest: float) -> float:
        """Take the next free slot; see `Backend`."""
        return self._try(lambda backend: backend.reserve(key, rates, longest))

    def block(self, key: str, seconds: float) -> None:
        """Give no slot for a while; see `Backend`."""
        self._try(lambda backend: backend.block(key, seconds))

    def close(self) -> None:
        """Let go of files and connections."""
        self._primary.close()

    def _try(self, act: Callable[[Backend], _T]) -> _T:
        if self._clock() >= self._primary_from:
            try:
                result = act(self._primary)
            except Busy:
                self._return()
                raise
            except BackendError as error:
                self._leave(error)
            else:
                self._return()
                return result
        return act(self._fallback)

    def _leave(self, error: BackendError) -> None:
        with self._guard:
            self._primary_from = self._clock() + LOOK_AGAIN_SECONDS
            known, self._on_fallback = self._on_fallback, True
        if not known:
            log.warning(
                "Tokens and quotas are shared %s only, no longer through %s: %s", self._left, self._primary_name, error
            )

    def _return(self) -> None:
        if not self._on_fallback:
            return
        with self._guard:
            # A thread whose question was asked before another one's failed says nothing of what is now.
            known = self._on_fallback and self._clock() >= self._primary_from
            if known:
                self._on_fallback = False
        if known:
            log.info("Tokens and quotas are shared through %s again", self._primary_name)
