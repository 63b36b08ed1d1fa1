"""Clocks that are set and machines that start anew, while many who share a quota and a token are at work.

Time is played: the workers of a simulation ask, wait for their turn, send and ask again.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_meetings.api.http.auth import Token, token_key
from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend
from airflow_provider_meetings.coordination.fallback import FallbackBackend
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.host.record import BootClock
from airflow_provider_meetings.coordination.memory import MemoryBackend, ProcessTokenStore
from airflow_provider_meetings.coordination.token_cache import SharedTokens

HOUR = 3600.0
STEPS = [-HOUR, HOUR]
RATES = [Rate(5, 1)]
WORKERS = 8
STALL = 2.0
"""As long as anybody may wait more than without a step of the clock."""


class Machine:
    """What its clocks show, by the seconds that really pass."""

    def __init__(self) -> None:
        self.real = 0.0
        self.shown = BootClock("boot-1", 5000.0, 1_800_000_000.0)

    def now(self) -> BootClock:
        return self.shown

    def steady(self) -> float:
        return self.shown.steady

    def wall(self) -> float:
        return self.shown.wall

    def pass_to(self, real: float) -> None:
        passed = real - self.real
        self.real = real
        self.shown = replace(self.shown, steady=self.shown.steady + passed, wall=self.shown.wall + passed)

    def set_clock(self, step: float) -> None:
        self.shown = replace(self.shown, wall=self.shown.wall + step)

    def start_anew(self, *, after: float, step: float, boot: str = "boot-2") -> None:
        """Be off for some seconds, and show another time than it is from then on."""
        self.pass_to(self.real + after)
        self.shown = BootClock(boot, 3.0, self.shown.wall + step)


def work(machine: Machine, backend: Backend, until: float, workers: int = WORKERS) -> list[float]:
    """Have workers ask and send until that moment, and return when they sent."""
    sent = []
    turns = [(machine.real, number, False) for number in range(workers)]
    while turns[0][0] < until:
        moment, number, asked = heapq.heappop(turns)
        machine.pass_to(moment)
        if asked:
            sent.append(moment)
        heapq.heappush(turns, (moment + backend.reserve("k", RATES, HOUR), number, True))
    machine.pass_to(until)
    return sent


def spaces(sent: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(sent)]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture(params=["process", "host", "narrowing"])
def backend(request: pytest.FixtureRequest, machine: Machine, tmp_path: Path) -> Backend:
    host = HostBackend(tmp_path / "state", machine.now)
    made: dict[str, Callable[[], Backend]] = {
        "process": lambda: MemoryBackend(machine.steady),
        "host": lambda: host,
        "narrowing": lambda: FallbackBackend(host, machine.steady),
    }
    return made[request.param]()


@pytest.mark.parametrize("step", STEPS)
def test_a_clock_that_is_set_while_many_work_changes_nothing(machine: Machine, backend: Backend, step: float) -> None:
    before = work(machine, backend, 10)
    waiting = machine.real
    machine.set_clock(step)
    after = work(machine, backend, 20)
    # The eight of before still stand in the queue, so that the next turn is theirs and then ours.
    assert spaces(before) == pytest.approx([0.2] * (len(before) - 1))
    assert spaces(after) == pytest.approx([0.2] * (len(after) - 1))
    assert after[0] - waiting == pytest.approx(WORKERS * 0.2, abs=0.2)


@pytest.mark.parametrize("step", [*STEPS, 0.0])
@pytest.mark.parametrize("workers", [WORKERS, 200])
@pytest.mark.parametrize("boot", ["boot-2", "boot-1"])
def test_a_machine_that_starts_anew_while_many_work(
    machine: Machine, tmp_path: Path, step: float, workers: int, boot: str
) -> None:
    backend = HostBackend(tmp_path / "state", machine.now)
    before = work(machine, backend, 10, workers)
    # The same name of the boot is what a system shows that has none.
    machine.start_anew(after=5, step=step, boot=boot)
    on_again = machine.real
    after = work(machine, backend, on_again + 10, WORKERS)
    assert len(before) == pytest.approx(50, abs=1)
    # The places of those who are gone are nobody's.
    assert after[0] - on_again <= STALL
    assert spaces(after) == pytest.approx([0.2] * (len(after) - 1))


@pytest.mark.parametrize("step", [HOUR, 0.0])
def test_what_the_platform_said_outlives_the_machine_as_the_queue_does_not(
    machine: Machine, tmp_path: Path, step: float
) -> None:
    backend = HostBackend(tmp_path / "state", machine.now)
    backend.block("k", 2 * HOUR)
    queue = [backend.reserve("k", RATES, 3 * HOUR) for _ in range(200)]
    assert queue[-1] == pytest.approx(2 * HOUR + 199 * 0.2)
    machine.start_anew(after=60, step=step)
    assert backend.reserve("k", RATES, 3 * HOUR) == pytest.approx(2 * HOUR - 60 - step, abs=0.1)


@pytest.mark.parametrize("step", STEPS)
def test_a_clock_that_is_set_after_a_refusal_makes_it_hold_neither_longer_nor_shorter(
    machine: Machine, backend: Backend, step: float
) -> None:
    backend.set("k|refused", b"1", 1.0)
    machine.pass_to(0.5)
    machine.set_clock(step)
    assert backend.get("k|refused") == b"1"
    machine.pass_to(1.0)
    assert backend.get("k|refused") is None


@pytest.mark.parametrize("step", STEPS)
def test_a_machine_that_starts_anew_after_a_refusal_does_not_remember_it_for_longer(
    machine: Machine, tmp_path: Path, step: float
) -> None:
    backend = HostBackend(tmp_path / "state", machine.now)
    backend.set("k|refused", b"1", 1.0)
    machine.start_anew(after=5, step=step)
    assert backend.get("k|refused") is None


@pytest.mark.parametrize("step", STEPS)
def test_a_clock_that_is_set_costs_one_login_at_most(machine: Machine, tmp_path: Path, step: float) -> None:
    backend = HostBackend(tmp_path / "state", machine.now)
    key = token_key("feishu", "https://open.feishu.cn", "app", "secret")
    fetched = []

    def fetch() -> Token:
        fetched.append(machine.wall())
        return Token(f"token-{len(fetched)}", machine.wall() + 7200, 7200)

    def ask_as_a_new_process() -> str:
        return SharedTokens(backend, "secret", ProcessTokenStore(machine.wall), machine.wall).token(key, fetch).value

    assert {ask_as_a_new_process() for _ in range(WORKERS)} == {"token-1"}
    machine.set_clock(step)
    assert len({ask_as_a_new_process() for _ in range(WORKERS)}) == 1
    assert len(fetched) <= 2
