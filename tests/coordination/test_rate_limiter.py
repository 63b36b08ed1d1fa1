"""Whose turn it is, and how long nobody calls after a refusal."""

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
def budget(backend: MemoryBackend) -> SharedRateLimiter:
    return SharedRateLimiter(backend, APP)


def limited(retry_after: float | None = None, blocks: tuple[float, ...] = ()) -> RateLimited:
    error = RateLimited("refused", retry_after=retry_after)
    error.blocks = blocks
    return error


@pytest.mark.parametrize(("quota", "spacing"), [(FIVE, 0.2), (TWO_WINDOWS, 0.06)])
@pytest.mark.parametrize("share", [1.0, 0.4])
def test_calls_are_spread_evenly_below_the_strictest_limit(
    backend: MemoryBackend, quota: Quota, spacing: float, share: float
) -> None:
    budget = SharedRateLimiter(backend, APP, share)
    waits = [budget.reserve(quota, 60) for _ in range(4)]
    step = spacing / 0.98 / share
    assert waits == pytest.approx([0.0, step, 2 * step, 3 * step])


def test_endpoints_and_apps_have_queues_of_their_own(backend: MemoryBackend) -> None:
    other = Quota("minutes.media", FIVE.rates)
    owners = [APP, ("feishu", "https://open.larksuite.com", "cli_a"), (*APP, "tenant")]
    assert [SharedRateLimiter(backend, owner).reserve(q, 60) for owner in owners for q in (FIVE, other)] == [0.0] * 6


def test_all_who_share_stand_in_one_queue(clock: Clock, tmp_path: Path) -> None:
    def budget() -> SharedRateLimiter:
        return SharedRateLimiter(HostBackend(tmp_path / "state", lambda: BootClock("boot", clock.now, clock.now)), APP)

    assert [budget().reserve(FIVE, 60) for _ in range(3)] == pytest.approx([0.0, 0.2 / 0.98, 0.4 / 0.98])


def test_nothing_documented_is_no_queue(budget: SharedRateLimiter) -> None:
    assert [budget.reserve(Quota("auth"), 0.0) for _ in range(100)] == [0.0] * 100


def test_a_place_too_far_away_is_not_taken_and_its_distance_told(budget: SharedRateLimiter, clock: Clock) -> None:
    for _ in range(5):
        budget.reserve(FIVE, 60)
    with pytest.raises(RateLimited, match=r"minutes\.get .* 1 s away, more than the 0.5 s .*rate_share") as caught:
        budget.reserve(FIVE, 0.5)
    assert caught.value.retry_after == pytest.approx(5 * 0.2 / 0.98)
    clock.now += caught.value.retry_after or 0.0
    assert budget.reserve(FIVE, 0.0) == pytest.approx(0.0, abs=1e-9)


def test_the_platforms_word_holds_for_all(backend: MemoryBackend, budget: SharedRateLimiter, clock: Clock) -> None:
    assert budget.refused(FIVE, limited(7.0)) == 7.0
    assert SharedRateLimiter(backend, APP).reserve(FIVE, 60) == pytest.approx(7.0)
    assert budget.reserve(Quota("minutes.media", FIVE.rates), 60) == 0.0


def test_those_who_have_their_places_hear_of_a_refusal_and_those_after_it_do_not(
    backend: MemoryBackend, budget: SharedRateLimiter, clock: Clock
) -> None:
    waits = [budget.reserve(FIVE, 60) for _ in range(3)]
    clock.now += waits[1]
    assert budget.still_valid(FIVE, 0.0)
    SharedRateLimiter(backend, APP).refused(FIVE, limited(7.0))
    assert not budget.still_valid(FIVE, 0.0)
    assert budget.still_valid(Quota("minutes.media", FIVE.rates), 0.0)
    clock.now += budget.reserve(FIVE, 60)
    assert budget.still_valid(FIVE, 0.0)


@pytest.mark.parametrize(
    ("quota", "share", "leeway"),
    # Five calls take a little more than the second that may hold five of them. At half of the rate, or where another
    # limit is stricter, nobody is pressed.
    [(FIVE, 1.0, 1 / 0.98 - 1), (FIVE, 0.5, 2 / 0.98 - 1), (TWO_WINDOWS, 1.0, 60 / 0.98 - 60)],
)
def test_a_place_is_lost_by_who_is_so_late_that_he_meets_those_behind_him(
    backend: MemoryBackend, quota: Quota, share: float, leeway: float
) -> None:
    budget = SharedRateLimiter(backend, APP, share)
    assert budget.still_valid(quota, leeway - 0.001)
    assert not budget.still_valid(quota, leeway + 0.001)


def test_blocks_grow_while_the_platform_goes_on_refusing(budget: SharedRateLimiter, clock: Clock) -> None:
    blocks = (60.0, 3600.0)
    # All calls under way are refused together: that is one refusal.
    assert [budget.refused(FIVE, limited(60.0, blocks)) for _ in range(5)] == [60.0] * 5
    clock.now += 61
    assert [budget.refused(FIVE, limited(60.0, blocks)) for _ in range(5)] == [3600.0] * 5
    clock.now += 3601
    assert budget.refused(FIVE, limited(60.0, blocks)) == 3600.0
    # Two hours without a refusal: it was something else.
    clock.now += 7201
    assert budget.refused(FIVE, limited(60.0, blocks)) == 60.0


def test_without_any_word_the_waits_double(budget: SharedRateLimiter, clock: Clock) -> None:
    waits = []
    for _ in range(9):
        waits.append(budget.refused(FIVE, limited()))
        clock.now += waits[-1] + 0.1
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    clock.now += 200
    assert budget.refused(FIVE, limited()) == 1.0


def test_no_step_is_waited_for_longer_than_the_one_who_takes_it(
    budget: SharedRateLimiter, backend: MemoryBackend
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airflow_provider_meetings.coordination.rate_limiter._TIMEOUT_SECONDS", 0.0)
        with backend.lock("budget|feishu|https://open.feishu.cn|cli_a|minutes.get|step", 1.0):
            assert budget.refused(FIVE, limited(60.0, (60.0, 3600.0))) == 60.0
    assert budget.reserve(FIVE, 100) == pytest.approx(60.0, abs=0.01)


def test_a_queue_is_waited_for_longer_than_a_block(backend: MemoryBackend, budget: SharedRateLimiter) -> None:
    slow = Quota("minutes.search", (Rate(1, 40),))
    waits = [budget.reserve(slow, 600) for _ in range(4)]
    assert waits == pytest.approx([n * 40 / 0.98 for n in range(4)])
    budget.refused(FIVE, limited(300.0))
    with pytest.raises(RateLimited) as caught:
        SharedRateLimiter(backend, APP).reserve(FIVE, 600)
    assert caught.value.retry_after == pytest.approx(300.0)


def test_a_short_block_is_waited_for_also_behind_others(budget: SharedRateLimiter) -> None:
    budget.refused(FIVE, limited(59.9))
    assert [budget.reserve(FIVE, 600) for _ in range(3)] == pytest.approx([59.9 + n * 0.2 / 0.98 for n in range(3)])


def test_an_endpoint_without_a_documented_limit_is_held_back_all_the_same(
    budget: SharedRateLimiter, clock: Clock
) -> None:
    login = Quota("gettoken")
    assert budget.refused(login, limited(60.0, (60.0, 3600.0))) == 60.0
    assert not budget.still_valid(login, 0.0)
    assert budget.reserve(login, 600) == pytest.approx(60.0)
    with pytest.raises(RateLimited) as caught:
        budget.reserve(login, 15)
    assert caught.value.retry_after == pytest.approx(60.0, abs=0.01)
    clock.now += 61
    assert budget.still_valid(login, 1000.0)
    assert budget.reserve(login, 0.0) == 0.0


@pytest.mark.parametrize("said", [1763600000.0, 1e15, 1e308])
def test_a_number_that_is_no_wait_holds_nobody_for_longer_than_an_hour(budget: SharedRateLimiter, said: float) -> None:
    assert budget.refused(FIVE, limited(said)) == 3600.0
    with pytest.raises(RateLimited) as caught:
        budget.reserve(FIVE, 600)
    assert caught.value.retry_after == pytest.approx(3600.0)


@pytest.mark.parametrize("said", [0.0, -5.0, float("inf"), float("nan")])
def test_what_says_nothing_counts_as_nothing_said(budget: SharedRateLimiter, said: float) -> None:
    assert budget.refused(FIVE, limited(said)) == 1.0
