"""A clock that a test controls, which tokens, links, rate limits and log ids follow; and the calendar of a company."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

CLOCK_FILE = "MEETINGS_CLOCK_FILE"


def calendar_of_environment() -> Callable[[], float] | None:
    """Return the clock whose seconds since the epoch are in the file that the environment names; None without."""
    path = os.environ.get(CLOCK_FILE)
    return (lambda: float(Path(path).read_text())) if path else None


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
