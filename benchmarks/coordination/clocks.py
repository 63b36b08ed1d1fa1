"""Changed clocks and reboots: calls that are sent too early, and time without calls.

On a host, time is simulated by injected clocks. A server's clock cannot be injected: there the stored times are shifted
instead, which has the same effect.
"""

from __future__ import annotations

import heapq
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from airflow_provider_meetings.api.errors import QueueTooLong, RateLimited
from airflow_provider_meetings.api.http.rate_limit import Quota, Rate
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.backend import Backend
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.host.record import BootClock
from airflow_provider_meetings.coordination.rate_limiter import SharedRateLimiter
from benchmarks.coordination.backends import BenchServer

HOUR = 3600.0
CALLS = 5
WORKERS = 8
_RATES = [Rate(CALLS * 0.98, 1)]
_QUOTA = Quota("bench", (Rate(CALLS, 1),))
_TIMEOUT = 10.0
_OFF = 5.0
"""Seconds that a reboot takes."""


@dataclass(frozen=True, slots=True)
class Sent:
    """When calls were sent: how many at most within a second, and the longest time without any, in seconds."""

    burst: int
    stall: float

    @classmethod
    def of(cls, calls: Sequence[tuple[float, float]], stall: float | None = None) -> Sent:
        """Evaluate calls, each given as the earliest and the latest time at which it was sent.

        :param stall: set if the calls do not show it.
        """
        calls = sorted(calls)
        burst = max(sum(begin[0] <= call[0] and call[1] < begin[0] + 1 for call in calls) for begin in calls)
        pauses = (later[0] - earlier[0] for earlier, later in itertools.pairwise(calls))
        return cls(burst, max(pauses) if stall is None else stall)


class _Machine:
    """A simulated machine: what its clocks show as real time passes."""

    def __init__(self) -> None:
        self.real = 0.0
        self.shown = BootClock("boot-1", 5000.0, 1_800_000_000.0)

    def now(self) -> BootClock:
        return self.shown

    def pass_to(self, real: float) -> None:
        shown, passed = self.shown, real - self.real
        self.real, self.shown = real, replace(shown, steady=shown.steady + passed, wall=shown.wall + passed)


def host_rebooted(step: float) -> Sent:
    """Reboot a machine with its clock set by `step` seconds; its 200 workers end."""
    with _host() as (machine, backend):
        before = _work(machine, backend, 10, workers=200)
        machine.pass_to(10 + _OFF)
        machine.shown = BootClock("boot-2", 3.0, machine.shown.wall + step)
        after = _work(machine, backend, 20 + _OFF)
        return Sent.of(before + after, stall=after[0][0] - 10 - _OFF)


def host_clock_set(step: float) -> Sent:
    """Set the clock of a host by `step` seconds while 8 workers hold slots."""
    with _host() as (machine, backend):
        queue = [backend.reserve("bench", _RATES, HOUR) for _ in range(WORKERS)]
        machine.shown = replace(machine.shown, wall=machine.shown.wall + step)
        return Sent.of([(wait, wait) for wait in queue] + _work(machine, backend, 10))


def host_refused(step: float) -> Sent:
    """Set the clock of a host by `step` seconds while a refusal blocks all calls."""
    with _host() as (machine, backend):

        def set_clock() -> None:
            machine.shown = replace(machine.shown, wall=machine.shown.wall + step)

        limiter = SharedRateLimiter(backend, ["bench"])
        return _refused(limiter, set_clock, lambda s: machine.pass_to(machine.real + s), lambda: machine.real)


@contextmanager
def _host() -> Iterator[tuple[_Machine, HostBackend]]:
    machine = _Machine()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        yield machine, HostBackend(Path(name) / "state", machine.now)


def _work(machine: _Machine, backend: Backend, until: float, workers: int = WORKERS) -> list[tuple[float, float]]:
    """Simulate workers until `until`; return when they sent calls."""
    sent = []
    turns = [(machine.real, number, False) for number in range(workers)]
    while turns[0][0] < until:
        now, number, has_slot = heapq.heappop(turns)
        machine.pass_to(now)
        if has_slot:
            sent.append((now, now))
        heapq.heappush(turns, (now + backend.reserve("bench", _RATES, HOUR), number, True))
    machine.pass_to(until)
    return sent


def server_clock_set(server: BenchServer, step: float, workers: int = WORKERS) -> Sent:
    """Set the clock of a server by `step` seconds while workers hold slots, and take as many more."""
    backend = server.connect()
    key = f"bench|{step}|{workers}"
    try:
        taken = _take(backend, key, workers)
        server.set_clock(step)
        return Sent.of(taken + _take(backend, key, workers))
    finally:
        backend.close()


def server_refused(server: BenchServer, step: float) -> Sent:
    """Set the clock of a server by `step` seconds while a refusal blocks all calls."""
    backend = server.connect()
    try:
        limiter = SharedRateLimiter(backend, ["bench", str(step)])
        return _refused(limiter, lambda: server.set_clock(step), time.sleep, time.monotonic)
    finally:
        backend.close()


def _refused(
    limiter: SharedRateLimiter,
    set_clock: Callable[[], None],
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> Sent:
    """Call once, be refused for a second, set the clock, and call as often as possible in two seconds."""
    transport = Transport(
        base_url="http://localhost",
        platform="bench",
        rate_limiter=limiter,
        queue_timeout=_TIMEOUT,
        sleep=sleep,
        clock=clock,
    )
    transport.acquire(_QUOTA)
    sent = [clock()]
    limiter.refused(_QUOTA, RateLimited("refused", retry_after=1.0))
    set_clock()
    for _ in range(2 * CALLS):
        # A caller that gives up has waited as well; that is the pause to measure.
        with suppress(QueueTooLong):
            transport.acquire(_QUOTA)
        sent.append(clock())
    transport.close()
    return Sent.of([(moment, moment) for moment in sent])


def _take(backend: Backend, key: str, workers: int) -> list[tuple[float, float]]:
    taken = []
    for _ in range(workers):
        before = time.monotonic()
        away = backend.reserve(key, _RATES, HOUR)
        taken.append((before + away, time.monotonic() + away))
    return taken
