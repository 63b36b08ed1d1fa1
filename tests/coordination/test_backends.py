"""Tests of the backends within one process, with a clock that the test sets: memory, and files with a fallback."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend, Busy
from airflow_provider_meetings.coordination.fallback import FallbackBackend
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.host.record import BootClock
from airflow_provider_meetings.coordination.memory import MemoryBackend

FIVE = [Rate(5, 1)]


class Clock:
    """A monotonic clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def boot_clock(self) -> BootClock:
        return BootClock("boot", self.now, self.now)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["process", "fallback"])
def backend(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> Backend:
    if request.param == "process":
        return MemoryBackend(clock)
    return FallbackBackend(HostBackend(tmp_path / "state", clock.boot_clock))


def test_value_expires(backend: Backend, clock: Clock) -> None:
    assert backend.get("k") is None
    backend.set("k", b"one\n\x00", 60)
    backend.set("other", b"two", 60)
    clock.now += 59
    assert (backend.get("k"), backend.get("other")) == (b"one\n\x00", b"two")
    clock.now += 1
    assert backend.get("k") is None


def test_shorter_value_replaces_longer_one(backend: Backend) -> None:
    backend.set("k", b"x" * 500, 60)
    backend.set("k", b"y", 60)
    assert backend.get("k") == b"y"


def test_value_with_negative_lifetime_is_expired(backend: Backend) -> None:
    backend.set("k", b"x", 60)
    backend.set("k", b"x", -1)
    assert backend.get("k") is None


def test_lock_is_exclusive_per_key(backend: Backend) -> None:
    with backend.lock("k", 0):
        with pytest.raises(Busy), backend.lock("k", 0):
            raise AssertionError
        with backend.lock("other", 0):
            backend.set("k", b"v", 60)
    with backend.lock("k", 0):
        assert backend.get("k") == b"v"


def test_lock_is_waited_for(backend: Backend) -> None:
    waiting = threading.Event()

    def wait() -> str:
        waiting.set()
        with backend.lock("k", 60):
            return "locked"

    with ThreadPoolExecutor(1) as pool:
        with backend.lock("k", 0):
            other = pool.submit(wait)
            waiting.wait(10)
            assert not other.done()
        assert other.result(30) == "locked"


def test_lock_is_released_after_error(backend: Backend) -> None:
    with pytest.raises(ZeroDivisionError), backend.lock("k", 0):
        raise ZeroDivisionError
    with backend.lock("k", 0):
        pass


def test_slots_are_spread_evenly_without_bursts(backend: Backend, clock: Clock) -> None:
    assert [backend.reserve("k", FIVE, 10) for _ in range(3)] == pytest.approx([0, 0.2, 0.4])
    assert backend.reserve("other", FIVE, 10) == 0
    clock.now += 100
    assert [backend.reserve("k", FIVE, 10) for _ in range(2)] == pytest.approx([0, 0.2])


def test_slowest_rate_counts(backend: Backend) -> None:
    both = [Rate(50, 1), Rate(1000, 60)]
    assert [backend.reserve("k", both, 10) for _ in range(2)] == pytest.approx([0, 0.06])


def test_slot_too_far_away_is_not_taken(backend: Backend, clock: Clock) -> None:
    backend.reserve("k", FIVE, 0)
    for _ in range(3):
        with pytest.raises(Busy):
            backend.reserve("k", FIVE, 0.1)
    clock.now += 0.2
    assert backend.reserve("k", FIVE, 0.1) == pytest.approx(0, abs=1e-6)


def test_block_delays_slots(backend: Backend) -> None:
    backend.block("k", 30)
    backend.block("k", 10)
    with pytest.raises(Busy):
        backend.reserve("k", FIVE, 29)
    assert backend.reserve("k", FIVE, 60) == pytest.approx(30)
    assert backend.reserve("k", FIVE, 60) == pytest.approx(30.2)


def test_slots_of_threads_are_unique(backend: Backend) -> None:
    with ThreadPoolExecutor(8) as pool:
        waits = sorted(pool.map(lambda _: backend.reserve("k", FIVE, 1000), range(40)))
    assert waits == pytest.approx([i * 0.2 for i in range(40)])


def test_each_caller_keeps_its_own_spacing(backend: Backend) -> None:
    """A caller with a much too small share does not delay the callers after it."""
    small, right = [Rate(1, 1000)], [Rate(10, 1)]
    assert backend.reserve("k", small, 2000) == 0.0
    assert [backend.reserve("k", right, 10) for _ in range(2)] == pytest.approx([0.1, 0.2], abs=0.01)
    assert backend.reserve("k", small, 2000) == pytest.approx(1000.2, abs=0.01)
    backend.block("k", 1500)
    assert backend.reserve("k", right, 2000) == pytest.approx(1500, abs=0.01)
