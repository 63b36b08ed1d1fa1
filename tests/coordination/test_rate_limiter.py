"""Slots of the shared rate limiter, and blocks after refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_meetings.api.errors import RateLimited
from airflow_provider_meetings.api.http.rate_limit import Quota, Rate
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.host.record import BootClock
from airflow_provider_meetings.coordination.memory import MemoryBackend
from airflow_provider_meetings.coordination.rate_limiter import SharedRateLimiter

FIVE = Quota("minutes.get", (Rate(5, 1),))
TWO_WINDOWS = Quota("meetings.recording", (Rate(50, 1), Rate(1000, 60)))
APP = ("feishu", "https://open.feishu.cn", "cli_a")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backend(clock: Clock) -> MemoryBackend:
    return MemoryBackend(clock)


@pytest.fixture
def limiter(backend: MemoryBackend) -> SharedRateLimiter:
    return SharedRateLimiter(backend, APP)


def limited(retry_after: float | None = None, blocks: tuple[float, ...] = ()) -> RateLimited:
    error = RateLimited("refused", retry_after=retry_after)
    error.blocks = blocks
    return error


@pytest.mark.parametrize(("quota", "spacing"), [(FIVE, 0.2), (TWO_WINDOWS, 0.06)])
@pytest.mark.parametrize("share", [1.0, 0.4])
def test_slots_are_spread_evenly_below_strictest_limit(
    backend: MemoryBackend, quota: Quota, spacing: float, share: float
) -> None:
    limiter = SharedRateLimiter(backend, APP, share)
    waits = [limiter.reserve(quota, 60) for _ in range(4)]
    step = spacing / 0.98 / share
    assert waits == pytest.approx([0.0, step, 2 * step, 3 * step])


def test_endpoints_and_apps_have_their_own_queues(backend: MemoryBackend) -> None:
    other = Quota("minutes.media", FIVE.rates)
    owners = [APP, ("feishu", "https://open.larksuite.com", "cli_a"), (*APP, "tenant")]
    assert [SharedRateLimiter(backend, owner).reserve(q, 60) for owner in owners for q in (FIVE, other)] == [0.0] * 6


def test_processes_share_one_queue(clock: Clock, tmp_path: Path) -> None:
    def limiter() -> SharedRateLimiter:
        return SharedRateLimiter(HostBackend(tmp_path / "state", lambda: BootClock("boot", clock.now, clock.now)), APP)

    assert [limiter().reserve(FIVE, 60) for _ in range(3)] == pytest.approx([0.0, 0.2 / 0.98, 0.4 / 0.98])


def test_undocumented_limit_has_no_queue(limiter: SharedRateLimiter) -> None:
    assert [limiter.reserve(Quota("auth"), 0.0) for _ in range(100)] == [0.0] * 100


def test_slot_too_far_away_is_reported(limiter: SharedRateLimiter, clock: Clock) -> None:
    for _ in range(5):
        limiter.reserve(FIVE, 60)
    with pytest.raises(
        RateLimited, match=r"minutes\.get .* 1 s away; the longest wait allowed is 0.5 s.*rate_share"
    ) as caught:
        limiter.reserve(FIVE, 0.5)
    assert caught.value.retry_after == pytest.approx(5 * 0.2 / 0.98)
    clock.now += caught.value.retry_after or 0.0
    assert limiter.reserve(FIVE, 0.0) == pytest.approx(0.0, abs=1e-9)


def test_block_counts_for_all_processes(backend: MemoryBackend, limiter: SharedRateLimiter, clock: Clock) -> None:
    assert limiter.refused(FIVE, limited(7.0)) == 7.0
    assert SharedRateLimiter(backend, APP).reserve(FIVE, 60) == pytest.approx(7.0)
    assert limiter.reserve(Quota("minutes.media", FIVE.rates), 60) == 0.0


def test_refusal_invalidates_slots_taken_before(
    backend: MemoryBackend, limiter: SharedRateLimiter, clock: Clock
) -> None:
    waits = [limiter.reserve(FIVE, 60) for _ in range(3)]
    clock.now += waits[1]
    assert limiter.still_valid(FIVE, 0.0)
    SharedRateLimiter(backend, APP).refused(FIVE, limited(7.0))
    assert not limiter.still_valid(FIVE, 0.0)
    assert limiter.still_valid(Quota("minutes.media", FIVE.rates), 0.0)
    clock.now += limiter.reserve(FIVE, 60)
    assert limiter.still_valid(FIVE, 0.0)


@pytest.mark.parametrize(
    ("quota", "share", "leeway"),
    # Five slots take a little more than the second in which five calls are allowed. At half the rate, or with a
    # stricter second limit, there is more leeway.
    [(FIVE, 1.0, 1 / 0.98 - 1), (FIVE, 0.5, 2 / 0.98 - 1), (TWO_WINDOWS, 1.0, 60 / 0.98 - 60)],
)
def test_late_call_loses_its_slot(backend: MemoryBackend, quota: Quota, share: float, leeway: float) -> None:
    limiter = SharedRateLimiter(backend, APP, share)
    assert limiter.still_valid(quota, leeway - 0.001)
    assert not limiter.still_valid(quota, leeway + 0.001)


def test_blocks_grow_with_successive_refusals(limiter: SharedRateLimiter, clock: Clock) -> None:
    blocks = (60.0, 3600.0)
    # Concurrent refusals count once.
    assert [limiter.refused(FIVE, limited(60.0, blocks)) for _ in range(5)] == [60.0] * 5
    clock.now += 61
    assert [limiter.refused(FIVE, limited(60.0, blocks)) for _ in range(5)] == [3600.0] * 5
    clock.now += 3601
    assert limiter.refused(FIVE, limited(60.0, blocks)) == 3600.0
    # After two hours without a refusal the first block applies again.
    clock.now += 7201
    assert limiter.refused(FIVE, limited(60.0, blocks)) == 60.0


def test_blocks_double_without_documented_duration(limiter: SharedRateLimiter, clock: Clock) -> None:
    waits = []
    for _ in range(9):
        waits.append(limiter.refused(FIVE, limited()))
        clock.now += waits[-1] + 0.1
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    clock.now += 200
    assert limiter.refused(FIVE, limited()) == 1.0


def test_step_lock_timeout_uses_first_block(limiter: SharedRateLimiter, backend: MemoryBackend) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airflow_provider_meetings.coordination.rate_limiter._TIMEOUT_SECONDS", 0.0)
        with backend.lock("quota|feishu|https://open.feishu.cn|cli_a|minutes.get|step", 1.0):
            assert limiter.refused(FIVE, limited(60.0, (60.0, 3600.0))) == 60.0
    assert limiter.reserve(FIVE, 100) == pytest.approx(60.0, abs=0.01)


def test_long_queue_is_waited_for_but_long_block_is_not(backend: MemoryBackend, limiter: SharedRateLimiter) -> None:
    slow = Quota("minutes.search", (Rate(1, 40),))
    waits = [limiter.reserve(slow, 600) for _ in range(4)]
    assert waits == pytest.approx([n * 40 / 0.98 for n in range(4)])
    limiter.refused(FIVE, limited(300.0))
    with pytest.raises(RateLimited) as caught:
        SharedRateLimiter(backend, APP).reserve(FIVE, 600)
    assert caught.value.retry_after == pytest.approx(300.0)


def test_short_block_is_waited_for_in_queue(limiter: SharedRateLimiter) -> None:
    limiter.refused(FIVE, limited(59.9))
    assert [limiter.reserve(FIVE, 600) for _ in range(3)] == pytest.approx([59.9 + n * 0.2 / 0.98 for n in range(3)])


def test_endpoint_without_documented_limit_is_blocked(limiter: SharedRateLimiter, clock: Clock) -> None:
    login = Quota("gettoken")
    assert limiter.refused(login, limited(60.0, (60.0, 3600.0))) == 60.0
    assert not limiter.still_valid(login, 0.0)
    assert limiter.reserve(login, 600) == pytest.approx(60.0)
    with pytest.raises(RateLimited) as caught:
        limiter.reserve(login, 15)
    assert caught.value.retry_after == pytest.approx(60.0, abs=0.01)
    clock.now += 61
    assert limiter.still_valid(login, 1000.0)
    assert limiter.reserve(login, 0.0) == 0.0


@pytest.mark.parametrize("retry_after", [1763600000.0, 1e15, 1e308])
def test_absurd_retry_after_is_limited_to_an_hour(limiter: SharedRateLimiter, retry_after: float) -> None:
    assert limiter.refused(FIVE, limited(retry_after)) == 3600.0
    with pytest.raises(RateLimited) as caught:
        limiter.reserve(FIVE, 600)
    assert caught.value.retry_after == pytest.approx(3600.0)


@pytest.mark.parametrize("retry_after", [0.0, -5.0, float("inf"), float("nan")])
def test_meaningless_retry_after_is_ignored(limiter: SharedRateLimiter, retry_after: float) -> None:
    assert limiter.refused(FIVE, limited(retry_after)) == 1.0
