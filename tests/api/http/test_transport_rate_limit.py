"""Calls wait for their turn, and a refusal is everybody's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_meetings.api.errors import RateLimited, ServerError
from airflow_provider_meetings.api.http.rate_limit import Quota, Rate
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.memory import MemoryBackend
from airflow_provider_meetings.coordination.rate_limiter import SharedRateLimiter
from tests.contract.exchange import OK, decode, token_auth
from tests.contract.origin import Origin, json_body, serve_origin

FIVE = Quota("minutes.get", (Rate(5, 1),))
SLOT = 0.2 / 0.98


class Time:
    """A clock that moves only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.late = 0.0
        self.meanwhile: Callable[[], object] = int

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.meanwhile()
        self.now += seconds + self.late


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        origin.on("/token", json_body({"token": "T0KEN"}))
        yield origin


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def backend(time: Time) -> MemoryBackend:
    return MemoryBackend(time)


@pytest.fixture
def transport(origin: Origin, time: Time, backend: MemoryBackend) -> Iterator[Transport]:
    budget = SharedRateLimiter(backend, ("acme", origin.url, "app"))
    transport = Transport(
        base_url=origin.url, platform="acme", rate_limiter=budget, queue_timeout=60.0, sleep=time.sleep, clock=time
    )
    yield transport
    transport.close()


def usage(transport: Transport) -> tuple[int, int, float]:
    (found,) = transport.usage.endpoints().values()
    return found.calls, found.refused, found.waited


def test_each_call_waits_for_its_slot(origin: Origin, transport: Transport, time: Time) -> None:
    origin.on("/api", OK, OK, OK)
    for _ in range(3):
        transport.call("GET", "/api", decode, quota=FIVE)
    assert time.slept == pytest.approx([SLOT, SLOT])
    calls, refused, waited = usage(transport)
    assert (calls, refused) == (3, 0)
    assert waited == pytest.approx(2 * SLOT)


def test_refusal_blocks_all_calls(origin: Origin, transport: Transport, time: Time, backend: MemoryBackend) -> None:
    origin.on("/api", json_body({"error": "busy"}, 429, {"x-wait": "7.5"}), OK)
    assert transport.call("GET", "/api", decode, quota=FIVE) == {"value": 1}
    # Not slept twice: the next try waits in the queue only.
    assert [pause for pause in time.slept if pause] == pytest.approx([7.5])
    calls, refused, waited = usage(transport)
    assert (calls, refused) == (2, 1)
    assert waited == pytest.approx(7.5)
    other = SharedRateLimiter(backend, ("acme", origin.url, "app"))
    assert other.reserve(FIVE, 60) == pytest.approx(SLOT)


def test_refusal_moves_waiting_call(origin: Origin, transport: Transport, time: Time, backend: MemoryBackend) -> None:
    origin.on("/api", OK, OK)
    other = SharedRateLimiter(backend, ("acme", origin.url, "app"))
    transport.call("GET", "/api", decode, quota=FIVE)

    def refused() -> None:
        other.refused(FIVE, RateLimited("refused", retry_after=7.0))
        time.meanwhile = int

    time.meanwhile = refused
    transport.call("GET", "/api", decode, quota=FIVE)
    assert time.slept == pytest.approx([SLOT, 7.0 - SLOT])
    assert origin.count("/api") == 2


def test_late_call_reserves_new_slot_twice(
    origin: Origin, transport: Transport, time: Time, backend: MemoryBackend
) -> None:
    origin.on("/api", OK, OK)
    other = SharedRateLimiter(backend, ("acme", origin.url, "app"))
    transport.call("GET", "/api", decode, quota=FIVE)
    time.late = 0.05
    time.meanwhile = lambda: other.reserve(FIVE, 60)
    transport.call("GET", "/api", decode, quota=FIVE)
    assert time.slept == pytest.approx([SLOT, 2 * SLOT - 0.05, 2 * SLOT - 0.05])
    time.late = 0.02
    transport.call("GET", "/api", decode, quota=FIVE)
    assert len(time.slept) == 4


@pytest.mark.parametrize(("wait", "calls"), [("60", 2), ("61", 1)])
def test_long_block_is_raised(origin: Origin, transport: Transport, time: Time, wait: str, calls: int) -> None:
    origin.on("/api", json_body({"error": "busy"}, 429, {"x-wait": wait}), OK)
    if calls == 2:
        transport.call("GET", "/api", decode, quota=FIVE)
    else:
        with pytest.raises(RateLimited) as caught:
            transport.call("GET", "/api", decode, quota=FIVE)
        assert caught.value.retry_after == float(wait)
        assert time.slept == []
        # The next one does not even ask: it is told when.
        with pytest.raises(RateLimited, match="61 s away") as caught:
            transport.call("GET", "/api", decode, quota=FIVE)
        assert caught.value.retry_after == pytest.approx(61)
    assert origin.count("/api") == calls


def test_refusal_without_wait_backs_off(origin: Origin, transport: Transport, time: Time) -> None:
    busy = json_body({"error": "busy"}, 429)
    origin.on("/api", busy, busy, OK)
    transport.call("GET", "/api", decode, quota=FIVE)
    assert [pause for pause in time.slept if pause] == pytest.approx([1.0, 2.0])


def test_retry_after_rejected_token_takes_own_slot(origin: Origin, transport: Transport, time: Time) -> None:
    origin.on("/api", json_body({"error": "token"}), OK)
    transport.call("GET", "/api", decode, quota=FIVE, auth=token_auth(transport))
    assert time.slept == pytest.approx([SLOT])
    usage = transport.usage.endpoints()["minutes.get"]
    assert (usage.calls, usage.tokens_rejected) == (2, 1)


def test_interrupted_call_sends_nothing(origin: Origin, backend: MemoryBackend) -> None:
    origin.on("/api", OK)
    budget = SharedRateLimiter(backend, ("acme", origin.url, "app"))
    budget.refused(FIVE, RateLimited("refused", retry_after=30.0))
    transport = Transport(base_url=origin.url, platform="acme", rate_limiter=budget)
    with ThreadPoolExecutor(1) as threads:
        calling = threads.submit(transport.call, "GET", "/api", decode, quota=FIVE)
        transport.interrupt()
        with pytest.raises(ServerError, match="the task is being stopped"):
            calling.result(20)
    assert origin.count("/api") == 0
    transport.close()


def test_queue_timeout_counts_once_per_call(origin: Origin, backend: MemoryBackend, time: Time) -> None:
    """Others are refused while we wait, each time for a second: the deadline is the call's, not the place's."""
    origin.on("/api", OK)
    budget = SharedRateLimiter(backend, ("acme", origin.url, "app"))

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        budget.refused(FIVE, RateLimited("refused", retry_after=1.0))

    transport = Transport(
        base_url=origin.url, platform="acme", rate_limiter=budget, queue_timeout=15.0, sleep=sleep, clock=time
    )
    budget.refused(FIVE, RateLimited("refused", retry_after=1.0))
    with pytest.raises(RateLimited):
        transport.call("GET", "/api", decode, quota=FIVE)
    assert time.now <= 16.0
    assert origin.count("/api") == 0
    transport.close()


def test_lost_slots_are_limited(origin: Origin, transport: Transport, backend: MemoryBackend, time: Time) -> None:
    """As where nothing stands still any more, and the word of it is still there."""
    origin.on("/api", OK, OK)
    transport.acquire(FIVE)
    backend.set(f"quota|acme|{origin.url}|app|minutes.get|refused", b"1", 3600.0)
    transport.call("GET", "/api", decode, quota=FIVE)
    assert origin.count("/api") == 1
    assert time.now == pytest.approx(21 * SLOT)


def test_rate_limited_login_waits(origin: Origin, transport: Transport, time: Time) -> None:
    origin.on("/login", json_body({"error": "busy"}, 429, {"x-wait": "60"}), OK)
    transport.call("GET", "/login", decode, quota=Quota("login"))
    assert [pause for pause in time.slept if pause] == pytest.approx([60.0])


def test_acquired_slot_is_not_waited_for_again(origin: Origin, transport: Transport, time: Time) -> None:
    origin.on("/api", OK, OK)
    transport.call("GET", "/api", decode, quota=FIVE)
    transport.acquire(FIVE)
    assert time.slept == pytest.approx([SLOT])
    assert origin.count("/api") == 1
    transport.call("GET", "/api", decode, quota=FIVE, queued=False)
    assert time.slept == pytest.approx([SLOT])
    assert origin.count("/api") == 2


def test_interrupt_ends_pause(transport: Transport, time: Time) -> None:
    transport.pause(3)
    assert time.slept == [3]
    assert transport.queue_timeout == 60.0
    time.meanwhile = transport.interrupt
    with pytest.raises(ServerError, match="the task is being stopped"):
        transport.pause(3)
