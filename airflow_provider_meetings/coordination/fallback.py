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
from airflow_provider_meetings.coordination.memory import ProcessBackend

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 60.0
"""So long a backend that failed is left alone: one that is slow to fail would hold up each call."""

_T = TypeVar("_T")


class NarrowingBackend:
    """Share as widely as possible; see `Backend`. Raises no `BackendError` but `Busy`.

    It warns when it narrows, once until the wide backend answers again, which is logged too.

    :param narrow: what it goes on with, itself a backend that narrows; without it, this process's memory.
    :param wide_name: what the wide one is, for the log, such as "redis connection 'x'".
    """

    def __init__(
        self,
        wide: Backend,
        clock: Callable[[], float] = time.monotonic,
        *,
        narrow: Backend | None = None,
        wide_name: str = "the state folder",
    ) -> None:
        self._wide = wide
        self._narrow = narrow or ProcessBackend(clock)
        self._left = "between the processes of this host" if narrow else "within this process"
        self._wide_name = wide_name
        self._clock = clock
        self._wide_from = clock()
        self._narrowed = False
        self._guard = threading.Lock()

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
                result = act(self._wide)
            except Busy:
                self._return()
                raise
            except BackendError as error:
                self._leave(error)
            else:
                self._return()
                return result
        return act(self._narrow)

    def _leave(self, error: BackendError) -> None:
        with self._guard:
            self._wide_from = self._clock() + LOOK_AGAIN_SECONDS
            known, self._narrowed = self._narrowed, True
        if not known:
            log.warning(
                "Tokens and quotas are shared %s only, no longer through %s: %s", self._left, self._wide_name, error
            )

    def _return(self) -> None:
        if not self._narrowed:
            return
        with self._guard:
            # A thread whose question was asked before another one's failed says nothing of what is now.
            known = self._narrowed and self._clock() >= self._wide_from
            if known:
                self._narrowed = False
        if known:
            log.info("Tokens and quotas are shared through %s again", self._wide_name)
