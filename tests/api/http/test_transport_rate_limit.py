"""API calls wait for their slots, and a rate limit blocks the calls of all processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_meetings.api.errors import RateLimited, ServerError
from airflow_provider_meetings.api.http.rate_limit import Quota, Rate
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.memory import MemoryBackend
from airflow_provider_meetings.coordination.rate_limiter import SharedRateLimiter
from tests.contract.acme_api import OK, decode, token_auth
from tests.contract.media.origin import Origin, json_body, serve_origin

FIVE = Quota("minutes.get", (Rate(5, 1),))
SLOT = 0.2 / 0.98


class Time:
    """A clock that moves only during sleep; `on_sleep` runs in each sleep, and each lasts `late` seconds longer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.late = 0.0
        self.on_sleep: Callable[[], object] = int

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.on_sleep()
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
    limiter = SharedRateLimiter(backend, ("acme", origin.url, "app"))
    transport = Transport(
        base_url=origin.url, platform="acme", rate_limiter=limiter, queue_timeout=60.0, sleep=time.sleep, clock=time
    )
    yield transport
    transport.close()


def usage(transport: Transport) -> tuple[int, int, float]:
    (endpoint,) = transport.caller.usage.endpoints().values()
    return endpoint.calls, endpoint.refused, endpoint.waited


def test_each_call_waits_for_its_slot(origin: Origin, transport: Transport, time: Time) -> None:
    origin.on("/api", OK, OK, OK)
    for _ in range(3):
        transport.call("GET", "/api", decode, quota=FIVE)
    assert time.slept == pytest.approx([SLOT, SLOT])
    calls, refused, waited = usage(transport)
    assert (calls, refused) == (3, 0)
    assert waited == pytest.approx(2 * SLOT)


def test_rate_limit_blocks_all_processes(
    origin: Origin, transport: Transport, time: Time, backend: MemoryBackend
) -> None:
    origin.on("/api", json_body({"error": "busy"}, 429, {"x-wait": "7.5"}), OK)
    assert transport.call("GET", "/api", decode, quota=FIVE) == {"value": 1}
    # The retry sleeps once, in the queue.
    assert [pause for pause in time.slept if pause] == pytest.approx([7.5])
    calls, refused, waited = usage(transport)
    assert (calls, refused) == (2, 1)
    assert waited == pytest.approx(7.5)
    other = SharedRateLimiter(backend, ("acme", origin.url, "app"))
    assert other.reserve(FIVE, 60) == pytest.approx(SLOT)


def test_rate_limit_of_other_process_delays_waiting_call(
    origin: Origin, transport: Transport, time: Time, backend: MemoryBackend
) -> None:
    origin.on("/api", OK, OK)
    other = SharedRateLimiter(backend, ("acme", origin.url, "app"))
    transport.call("GET", "/api", decode, quota=FIVE)

    def rate_limit_other() -> None:
        other.refused(FIVE, RateLimited("refused", retry_after=7.0))
        time.on_sleep = int

    time.on_sleep = rate_limit_other
    transport.call("GET", "/api", decode, quota=FIVE)
    assert time.slept == pytest.approx([SLOT, 7.0 - SLOT])
    assert origin.count("/api") == 2


def test_late_call_reserves_new_slot_at_most_twice(
    origin: Origin, transport: Transport, time: Time, backend: MemoryBackend
) -> None:
    origin.on("/api", OK, OK)
    other = SharedRateLimiter(backend, ("acme", origin.url, "app"))
    transport.call("GET", "/api", decode, quota=FIVE)
    time.late = 0.05
    time.on_sleep = lambda: other.reserve(FIVE, 60)
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
        # The next call fails without a request.
        with pytest.raises(RateLimited, match="61 s away") as caught:
            transport.call("GET", "/api", decode, quota=FIVE)
        assert caught.value.retry_after == pytest.approx(61)
    assert origin.count("/api") == calls


def test_rate_limit_without_retry_after_backs_off(origin: Origin, transport: Transport, time: Time) -> None:
    busy = json_body({"error": "busy"}, 429)
    origin.on("/api", busy, busy, OK)
    transport.call("GET", "/api", decode, quota=FIVE)
    assert [pause for pause in time.slept if pause] == pytest.approx([1.0, 2.0])


def test_retry_after_rejected_token_takes_own_slot(origin: Origin, transport: Transport, time: Time) -> None:
    origin.on("/api", json_body({"error": "token"}), OK)
    transport.call("GET", "/api", decode, quota=FIVE, auth=token_auth(transport))
    assert time.slept == pytest.approx([SLOT])
    usage = transport.caller.usage.endpoints()["minutes.get"]
    assert (usage.calls, usage.tokens_rejected) == (2, 1)


def test_interrupted_call_sends_nothing(origin: Origin, backend: MemoryBackend) -> None:
    origin.on("/api", OK)
    limiter = SharedRateLimiter(backend, ("acme", origin.url, "app"))
    limiter.refused(FIVE, RateLimited("refused", retry_after=30.0))
    transport = Transport(base_url=origin.url, platform="acme", rate_limiter=limiter)
    with ThreadPoolExecutor(1) as threads:
        calling = threads.submit(transport.call, "GET", "/api", decode, quota=FIVE)
        transport.interrupt()
        with pytest.raises(ServerError, match="the task is being stopped"):
            calling.result(20)
    assert origin.count("/api") == 0
    transport.close()


def test_queue_timeout_limits_whole_call(origin: Origin, backend: MemoryBackend, time: Time) -> None:
    """While the call waits, other processes are rate limited again and again."""
    origin.on("/api", OK)
    limiter = SharedRateLimiter(backend, ("acme", origin.url, "app"))

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        limiter.refused(FIVE, RateLimited("refused", retry_after=1.0))

    transport = Transport(
        base_url=origin.url, platform="acme", rate_limiter=limiter, queue_timeout=15.0, sleep=sleep, clock=time
    )
    limiter.refused(FIVE, RateLimited("refused", retry_after=1.0))
    with pytest.raises(RateLimited):
        transport.call("GET", "/api", decode, quota=FIVE)
    assert time.now <= 16.0
    assert origin.count("/api") == 0
    transport.close()


def test_lost_slots_are_limited(origin: Origin, transport: Transport, backend: MemoryBackend, time: Time) -> None:
    """The stored block never expires."""
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


def test_call_uses_acquired_slot(origin: Origin, transport: Transport, time: Time) -> None:
    origin.on("/api", OK, OK)
    transport.call("GET", "/api", decode, quota=FIVE)
    transport.acquire(FIVE)
    assert time.slept == pytest.approx([SLOT])
    assert origin.count("/api") == 1
    transport.call("GET", "/api", decode, quota=FIVE, kept=True)
    assert time.slept == pytest.approx([SLOT])
    assert origin.count("/api") == 2


def test_interrupt_ends_pause(transport: Transport, time: Time) -> None:
    transport.pause(3)
    assert time.slept == [3]
    assert transport.queue_timeout == 60.0
    time.on_sleep = transport.interrupt
    with pytest.raises(ServerError, match="the task is being stopped"):
        transport.pause(3)
