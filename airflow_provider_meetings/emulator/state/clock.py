"""A clock that a test controls; tokens, links, rate limits and log ids follow it."""

from __future__ import annotations

import time


class VirtualClock:
    """A clock in seconds since the epoch that stands still; pass it to the state as ``clock``.

    :param now: the first time; None: the real time.
    """

    def __init__(self, now: float | None = None) -> None:
        self.now = time.time() if now is None else now

    def __call__(self) -> float:
        """Return :attr:`now`."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock forward by ``seconds``."""
        self.now += seconds
