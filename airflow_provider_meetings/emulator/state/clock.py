"""A clock that a test controls; tokens, links, rate limits and log ids follow it."""

from __future__ import annotations

import time
from datetime import datetime


class VirtualClock:
    """A clock in seconds since the epoch that does not advance by itself; pass it to the state as ``clock``.

    :param now: the first time; None: the real time.
    :param running: advance with real time.
    """

    def __init__(self, now: float | datetime | None = None, *, running: bool = False) -> None:
        self.running = running
        self._now = 0.0
        self._set_at = 0.0
        self.set(time.time() if now is None else now)

    def __call__(self) -> float:
        """Return :attr:`now`."""
        return self.now

    @property
    def now(self) -> float:
        """Return the seconds since the epoch."""
        return self._now + (time.monotonic() - self._set_at if self.running else 0.0)

    def set(self, now: float | datetime) -> None:
        """Set the clock, also to an earlier time.

        :raises ValueError: the datetime has no time zone.
        """
        if isinstance(now, datetime):
            if now.tzinfo is None:
                raise ValueError("now must be aware: give the datetime a time zone")
            now = now.timestamp()
        self._now = float(now)
        self._set_at = time.monotonic()

    def advance(self, seconds: float) -> None:
        """Move the clock forward by ``seconds``."""
        self.set(self.now + seconds)
