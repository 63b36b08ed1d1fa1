"""Clock steps and reboots while several workers share a quota and a token.

Time is simulated: workers take a slot, wait for it, send a call, and start again.
"""

from __future__ import annotations

import heapq
import itertools
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
"""Longest extra wait that a clock step may cause."""


class Machine:
    """A machine whose clocks advance with the simulated seconds."""

    def __init__(self) -> None:
        self.real = 0.0
        self.shown = BootClock("boot-1", 5000.0, 1_800_000_000.0)

    def now(self) -> BootClock:
        return self.shown

    def steady(self) -> float:
        return self.shown.steady

    def wall(self) -> float:
        return self.shown.wall

    def advance_to(self, real: float) -> None:
        passed = real - self.real
        self.real = real
        self.shown = replace(self.shown, steady=self.shown.steady + passed, wall=self.shown.wall + passed)

    def set_clock(self, step: float) -> None:
        self.shown = replace(self.shown, wall=self.shown.wall + step)

    def reboot(self, *, after: float, step: float, boot: str = "boot-2") -> None:
        """Be off for some seconds, and show a wall clock that is wrong by `step` afterwards."""
        self.advance_to(self.real + after)
        self.shown = BootClock(boot, 3.0, self.shown.wall + step)


def work(machine: Machine, backend: Backend, until: float, workers: int = WORKERS) -> list[float]:
    """Run workers until that time, and return when they sent their calls."""
    sent = []
    turns = [(machine.real, number, False) for number in range(workers)]
    while turns[0][0] < until:
        now, number, has_slot = heapq.heappop(turns)
        machine.advance_to(now)
        if has_slot:
            sent.append(now)
        heapq.heappush(turns, (now + backend.reserve("k", RATES, HOUR), number, True))
    machine.advance_to(until)
    return sent


def spaces(sent: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(sent)]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture(params=["process", "host"])
def backend(request: pytest.FixtureRequest, machine: Machine, tmp_path: Path) -> Backend:
    if request.param == "process":
        return MemoryBackend(machine.steady)
    return FallbackBackend(HostBackend(tmp_path / "state", machine.now), machine.steady)


@pytest.mark.parametrize("step", STEPS)
def test_clock_step_changes_no_slot(machine: Machine, backend: Backend, step: float) -> None:
    before = work(machine, backend, 10)
    waiting = machine.real
    machine.set_clock(step)
    after = work(machine, backend, 20)
    # The workers of before are still in the queue, ahead of the new ones.
    assert spaces(before) == pytest.approx([0.2] * (len(before) - 1))
    assert spaces(after) == pytest.approx([0.2] * (len(after) - 1))
    assert after[0] - waiting == pytest.approx(WORKERS * 0.2, abs=0.2)


@pytest.mark.parametrize("step", [*STEPS, 0.0])
@pytest.mark.parametrize("workers", [WORKERS, 200])
@pytest.mark.parametrize("boot", ["boot-2", "boot-1"])
def test_reboot_while_workers_wait(machine: Machine, tmp_path: Path, step: float, workers: int, boot: str) -> None:
    backend = HostBackend(tmp_path / "state", machine.now)
    before = work(machine, backend, 10, workers)
    # An unchanged boot id is what a system without boot ids shows.
    machine.reboot(after=5, step=step, boot=boot)
    restarted = machine.real
    after = work(machine, backend, restarted + 10, WORKERS)
    assert len(before) == pytest.approx(50, abs=1)
    # The slots of the old workers are not waited for.
    assert after[0] - restarted <= STALL
    assert spaces(after) == pytest.approx([0.2] * (len(after) - 1))


@pytest.mark.parametrize("step", [HOUR, 0.0])
def test_block_survives_reboot_but_queue_does_not(machine: Machine, tmp_path: Path, step: float) -> None:
    backend = HostBackend(tmp_path / "state", machine.now)
    backend.block("k", 2 * HOUR)
    queue = [backend.reserve("k", RATES, 3 * HOUR) for _ in range(200)]
    assert queue[-1] == pytest.approx(2 * HOUR + 199 * 0.2)
    machine.reboot(after=60, step=step)
    assert backend.reserve("k", RATES, 3 * HOUR) == pytest.approx(2 * HOUR - 60 - step, abs=0.1)


@pytest.mark.parametrize("step", STEPS)
def test_clock_step_does_not_change_lifetime(machine: Machine, backend: Backend, step: float) -> None:
    backend.set("k|refused", b"1", 1.0)
    machine.advance_to(0.5)
    machine.set_clock(step)
    assert backend.get("k|refused") == b"1"
    machine.advance_to(1.0)
    assert backend.get("k|refused") is None


@pytest.mark.parametrize("step", STEPS)
def test_reboot_does_not_extend_lifetime(machine: Machine, tmp_path: Path, step: float) -> None:
    backend = HostBackend(tmp_path / "state", machine.now)
    backend.set("k|refused", b"1", 1.0)
    machine.reboot(after=5, step=step)
    assert backend.get("k|refused") is None


@pytest.mark.parametrize("step", STEPS)
def test_clock_step_costs_one_fetch_at_most(machine: Machine, tmp_path: Path, step: float) -> None:
    backend = HostBackend(tmp_path / "state", machine.now)
    key = token_key("feishu", "https://open.feishu.cn", "app", "secret")
    fetched = []

    def fetch() -> Token:
        fetched.append(machine.wall())
        return Token(f"token-{len(fetched)}", machine.wall() + 7200, 7200)

    def token_of_new_process() -> str:
        return SharedTokens(backend, "secret", ProcessTokenStore(machine.wall), machine.wall).token(key, fetch).value

    assert {token_of_new_process() for _ in range(WORKERS)} == {"token-1"}
    machine.set_clock(step)
    assert len({token_of_new_process() for _ in range(WORKERS)}) == 1
    assert len(fetched) <= 2
