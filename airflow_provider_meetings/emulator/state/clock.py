"""A clock that a test sets: tokens, links, rate windows and log ids all follow it."""

from __future__ import annotations

import time
from datetime import datetime


class VirtualClock:
    """A clock in seconds since the epoch that stands still unless told; hand it to the state as ``clock``.

    :param now: where it starts; the real time if None.
    :param running: go on from there as real time does, instead of standing still.
    """

    def __init__(self, now: float | datetime | None = None, *, running: bool = False) -> None:
        self.running = running
        self._now = 0.0
        self._set_at = 0.0
        self.set(time.time() if now is None else now)

    def __call__(self) -> float:
        """Return :attr:`now`: the state asks its clock this way."""
        return self.now

    @property
    def now(self) -> float:
        """Return the seconds since the epoch."""
        return self._now + (time.monotonic() - self._set_at if self.running else 0.0)

    def set(self, now: float | datetime) -> None:
        """Set it to ``now``, which may lie before.

        :raises ValueError: a naive datetime, whose moment nobody knows.
        """
        if isinstance(now, datetime):
            if now.tzinfo is None:
                raise ValueError("now must be aware: give the datetime a time zone")
            now = now.timestamp()
        self._now = float(now)
        self._set_at = time.monotonic()

    def advance(self, seconds: float) -> None:
        """Go forward by ``seconds``."""
        self.set(self.now + seconds)
