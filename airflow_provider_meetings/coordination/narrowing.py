"""Go on within the process while the backend that more of us share cannot be used."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from airflow_provider_meetings.api.budget import Rate
from airflow_provider_meetings.coordination.backend import Backend, BackendError, Busy
from airflow_provider_meetings.coordination.process import ProcessBackend

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 60.0
"""So long a backend that failed is left alone: one that is slow to fail would hold up each call."""

_T = TypeVar("_T")


class NarrowingBackend:
    """Share as widely as possible; see `Backend`. Raises no `BackendError` but `Busy`, and warns once."""

    def __init__(self, wide: Backend, clock: Callable[[], float] = time.monotonic) -> None:
        self._wide = wide
        self._narrow = ProcessBackend(clock)
        self._clock = clock
        self._wide_from = clock()
        self._warned = False

    def get(self, key: str) -> bytes | None:
        """Return what was set; see `Backend`."""
        return self._try(lambda backend: backend.get(key))

    def set(self, key: str, value: bytes, lifetime: float) -> None:
        """Set a value; see `Backend`."""
        self._try(lambda backend: backend.set(key, value, lifetime))

    @contextlib.contextmanager
    def hold(self, key: str, patience: float) -> Iterator[None]:
        """Be the only one who holds the key; see `Backend`."""
        held = contextlib.ExitStack()
        self._try(lambda backend: held.enter_context(backend.hold(key, patience)))
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

    def postpone(self, key: str, seconds: float) -> None:
        """Give no slot for a while; see `Backend`."""
        self._try(lambda backend: backend.postpone(key, seconds))

    def close(self) -> None:
        """Let go of files and connections."""
        self._wide.close()

    def _try(self, act: Callable[[Backend], _T]) -> _T:
        if self._clock() >= self._wide_from:
            try:
                return act(self._wide)
            except Busy:
                raise
            except BackendError as error:
                self._leave(error)
        return act(self._narrow)

    def _leave(self, error: BackendError) -> None:
        self._wide_from = self._clock() + LOOK_AGAIN_SECONDS
        if not self._warned:
            self._warned = True
            log.warning("Tokens and quotas are shared within this process only: %s", error)
