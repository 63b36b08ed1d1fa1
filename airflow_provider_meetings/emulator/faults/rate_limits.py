"""How often the vendors let one app call: counted by the state's clock, refused in each vendor's own way."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from airflow_provider_meetings.emulator.model.endpoints import ENDPOINTS, Window


@dataclass(frozen=True, slots=True)
class Refused:
    """One request too many: the limit that it met, and the whole seconds until it would pass."""

    limit: int
    reset: int
    concurrent: bool = False


# Assumed: nobody says how long a call takes there. A client with one request at a time never meets the limit below.
_FLIGHT_SECONDS: Final = 0.1


@dataclass(slots=True)
class _Counter:
    opened: int = -1
    count: int = 0
    blocked_until: float = 0.0


@dataclass
class RateLimits:
    """Count requests per endpoint and app; the emulator has one tenant, which the vendors count by too.

    :param clock: the state's.
    :param windows: limits other than the vendor's, by endpoint; may be changed while it runs.
    """

    clock: Callable[[], float]
    windows: dict[str, tuple[Window, ...]] = field(default_factory=dict)
    _counters: dict[tuple[str, str, Window], _Counter] = field(default_factory=dict)
    _flights: deque[float] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self, endpoint: str, concurrent: int = 10, app: str = "") -> Refused | None:
        """Count one request of ``app``, and return why it is refused or None; WeCom takes ``concurrent`` at once.

        Assumed: windows follow the clock's whole seconds, minutes and hours; a refused request does not count.
        """
        now = self.clock()
        windows = self.windows.get(endpoint, ENDPOINTS[endpoint].windows)
        with self._lock:
            flights = self._in_flight(now) if ENDPOINTS[endpoint].platform == "wecom" else None
            if flights is not None and len(flights) >= concurrent:
                return Refused(concurrent, 1, concurrent=True)
            counters = [(window, self._counters.setdefault((endpoint, app, window), _Counter())) for window in windows]
            for window, counter in counters:
                refused = _refused(window, counter, now)
                if refused is not None:
                    return refused
            for _, counter in counters:
                counter.count += 1
            if flights is not None:
                flights.append(now)
            return None

    def forget(self) -> None:
        """Count from nothing, with the vendors' own limits."""
        with self._lock:
            self._counters.clear()
            self._flights.clear()
            self.windows.clear()

    def described(self) -> Mapping[str, list[list[int]]]:
        """Return the limits in force: rows of count, seconds, seconds of block."""
        return {
            name: [[window.count, window.seconds, window.blocks] for window in self.windows.get(name, endpoint.windows)]
            for name, endpoint in ENDPOINTS.items()
        }

    def _in_flight(self, now: float) -> deque[float]:
        while self._flights and not now - _FLIGHT_SECONDS < self._flights[0] <= now:
            self._flights.popleft()
        return self._flights


def _refused(window: Window, counter: _Counter, now: float) -> Refused | None:
    opened = math.floor(now / window.seconds)
    if opened != counter.opened:
        counter.opened, counter.count = opened, 0
    if counter.blocked_until > now:
        return Refused(window.count, max(1, math.ceil(counter.blocked_until - now)))
    if counter.count < window.count:
        return None
    if window.blocks:
        counter.blocked_until = now + window.blocks
        return Refused(window.count, window.blocks)
    return Refused(window.count, max(1, math.ceil((opened + 1) * window.seconds - now)))
