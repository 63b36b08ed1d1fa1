"""A backend that uses another one while the primary fails."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass
from typing import TypeVar

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend, BackendError, Busy
from airflow_provider_meetings.coordination.memory import MemoryBackend

log = logging.getLogger(__name__)

RETRY_SECONDS = 60.0
"""A backend that failed is not used for this time, because a slow failure would delay each call."""

_T = TypeVar("_T")


@dataclass(eq=False)
class FallbackBackend(Backend):
    """Share through the primary backend, or through the fallback while the primary fails.

    It raises no `BackendError` except `Busy`. It logs one warning when the primary fails, and one message when the
    primary works again.

    :param fallback: a backend that raises no errors either; None for this process's memory.
    :param primary_name: the primary's name in logs, such as "redis connection 'x'".
    """

    primary: Backend
    clock: Callable[[], float] = time.monotonic
    _: KW_ONLY
    fallback: InitVar[Backend | None] = None
    primary_name: str = "the state folder"

    def __post_init__(self, fallback: Backend | None) -> None:
        self._fallback = fallback or MemoryBackend(self.clock)
        self._scope = "between the processes of this host" if fallback else "within this process"
        self._retry_at = self.clock()
        self._on_fallback = False
        self._guard = threading.Lock()

    def get(self, key: str) -> bytes | None:
        return self._call(lambda backend: backend.get(key))

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        self._call(lambda backend: backend.set(key, value, lifetime))

    @contextlib.contextmanager
    def lock(self, key: str, timeout: float) -> Iterator[None]:
        lock = contextlib.ExitStack()
        self._call(lambda backend: lock.enter_context(backend.lock(key, timeout)))
        try:
            yield
        finally:
            try:
                lock.close()
            except BackendError as error:
                self._use_fallback(error)

    def reserve(self, key: str, rates: Sequence[Rate], max_wait: float) -> float:
        return self._call(lambda backend: backend.reserve(key, rates, max_wait))

    def block(self, key: str, seconds: float) -> None:
        self._call(lambda backend: backend.block(key, seconds))

    def close(self) -> None:
        self.primary.close()

    def _call(self, method: Callable[[Backend], _T]) -> _T:
        if self.clock() >= self._retry_at:
            try:
                result = method(self.primary)
            except Busy:
                self._use_primary()
                raise
            except BackendError as error:
                self._use_fallback(error)
            else:
                self._use_primary()
                return result
        return method(self._fallback)

    def _use_fallback(self, error: BackendError) -> None:
        with self._guard:
            self._retry_at = self.clock() + RETRY_SECONDS
            known, self._on_fallback = self._on_fallback, True
        if not known:
            log.warning(
                "Cannot share tokens and quotas through %s; sharing them %s only: %s",
                self.primary_name,
                self._scope,
                error,
            )

    def _use_primary(self) -> None:
        with self._guard:
            # A call that began before another thread's call failed says nothing about the primary now.
            recovered = self._on_fallback and self.clock() >= self._retry_at
            if recovered:
                self._on_fallback = False
        if recovered:
            log.info("Sharing tokens and quotas through %s again", self.primary_name)
