"""The rate limits of both vendors."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Final

from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS, Window

# Assumed: no page says how long a call counts as concurrent. A client that sends one request at a time never reaches
# the limit of concurrent requests.
_CONCURRENT_SECONDS: Final = 0.1
# How many concurrent requests WeCom accepts. No page names the number; the vendor's forum says 5 to 10.
_CONCURRENT: Final = 10


@dataclass(frozen=True, slots=True)
class Exceeded:
    """The limit that a request exceeds, and the whole seconds until requests are accepted again."""

    limit: int
    reset: int
    concurrent: bool = False


@dataclass(slots=True)
class _Counter:
    window: int = -1
    count: int = 0
    blocked_until: float = 0.0


@dataclass
class RateLimits:
    """Count requests per endpoint and app. The vendors count per tenant too; the emulator has one.

    :param clock: seconds since the epoch.
    :param windows: limits that replace the vendor's, by endpoint; may be changed at any time.
    """

    clock: Callable[[], float]
    windows: dict[str, tuple[Window, ...]] = field(default_factory=dict)
    _counters: dict[tuple[str, str, Window], _Counter] = field(default_factory=dict)
    _concurrent: deque[float] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, endpoint: str, app: str = "") -> Exceeded | None:
        """Count one request of ``app``; return the limit that it exceeds, or None.

        Assumed: windows begin at whole seconds, minutes and hours of the clock, and refused requests do not count.
        """
        now = self.clock()
        with self._lock:
            if ENDPOINTS[endpoint].platform == "wecom" and len(self._recent(now)) >= _CONCURRENT:
                return Exceeded(_CONCURRENT, 1, concurrent=True)
            counters = {
                window: self._counters.setdefault((endpoint, app, window), _Counter())
                for window in self.windows.get(endpoint, ENDPOINTS[endpoint].windows)
            }
            for window, counter in counters.items():
                exceeded = _check_window(window, counter, now)
                if exceeded is not None:
                    return exceeded
            for counter in counters.values():
                counter.count += 1
            if ENDPOINTS[endpoint].platform == "wecom":
                self._concurrent.append(now)
            return None

    def reset(self) -> None:
        """Restore the vendors' limits and forget all requests."""
        with self._lock:
            self._counters.clear()
            self._concurrent.clear()
            self.windows.clear()

    def to_dict(self) -> Mapping[str, list[list[int]]]:
        """Return the limits by endpoint: rows of count, seconds, block_seconds."""
        return {
            name: [list(astuple(window)) for window in self.windows.get(name, endpoint.windows)]
            for name, endpoint in ENDPOINTS.items()
        }

    def _recent(self, now: float) -> deque[float]:
        while self._concurrent and not now - _CONCURRENT_SECONDS < self._concurrent[0] <= now:
            self._concurrent.popleft()
        return self._concurrent


def _check_window(window: Window, counter: _Counter, now: float) -> Exceeded | None:
    current = math.floor(now / window.seconds)
    if current != counter.window:
        counter.window, counter.count = current, 0
    if counter.blocked_until > now:
        return Exceeded(window.count, max(1, math.ceil(counter.blocked_until - now)))
    if counter.count < window.count:
        return None
    if window.block_seconds:
        counter.blocked_until = now + window.block_seconds
        return Exceeded(window.count, window.block_seconds)
    return Exceeded(window.count, max(1, math.ceil((current + 1) * window.seconds - now)))
