"""What becomes of a refresh token that was sent, whatever happens meanwhile."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import AuthenticationError, ConsentEnded, RateLimited, ServerError, StoreError
from airflow_provider_meetings.api.http.oauth import TokenPair
from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.host.backend import HostBackend
from tests.coordination.oauth.user_world import REMEDY, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "state")
    world.chain().accept(world.platform.grant(0))
    world.now += 8000
    return world


def meanwhile(world: World, happens: Callable[[], object]) -> Callable[[str], TokenPair]:
    """Have something happen while a refresh token is at the platform."""

    def renew(refresh_token: str) -> TokenPair:
        happens()
        return world.platform.renew(refresh_token)

    return renew


def test_an_answer_is_kept_whatever_else_was_written_meanwhile(world: World) -> None:
    renew = meanwhile(world, lambda: world.change(lambda record: replace(record, user="ou_1")))
    assert world.chain().token(renew).value == world.ask() == "access-1"
    assert world.platform.sent == ["refresh-0"]


def test_an_answer_is_kept_where_the_record_was_lost_meanwhile(world: World) -> None:
    def lost() -> None:
        for path in world.backend._folder.path.glob("*.record"):
            path.unlink()

    assert world.chain().token(meanwhile(world, lost)).value == world.ask() == "access-1"


@pytest.mark.parametrize("error", [None, ConsentEnded("used up")])
def test_a_consent_given_meanwhile_counts(world: World, error: Exception | None) -> None:
    world.platform.error = error
    renew = meanwhile(world, lambda: world.chain().accept(world.platform.grant(5)))
    assert world.chain().token(renew).value == world.ask() == "access-5"


def test_a_consent_given_meanwhile_is_not_touched_by_who_got_no_answer(world: World) -> None:
    world.platform.error = ServerError("no answer")
    renew = meanwhile(world, lambda: world.chain().accept(world.platform.grant(5)))
    with pytest.raises(ServerError, match="no answer"):
        world.chain().token(renew)
    assert world.ask() == "access-5"


def test_the_turn_is_waited_for_before_the_claim(world: World) -> None:
    claims: list[str] = []

    def ready(refresh_token: str) -> None:
        assert refresh_token == "refresh-0"
        claims.append(world.records.read()[1].claimed_by)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.chain().token(world.platform.renew, ready=ready)
    assert claims == [""]
    assert world.ask() == "access-1"


@pytest.mark.parametrize("blinks", [1, 29])
def test_that_a_token_was_not_used_is_written_down_as_soon_as_it_can_be(world: World, blinks: int) -> None:
    left = iter([False, *[True] * blinks])
    world.backend.fails = lambda: next(left, False)
    world.platform.error = RateLimited("slow down", retry_after=1)
    assert world.refused() is world.platform.error
    world.platform.error = None
    world.platform.sent.clear()
    world.now += 100
    assert world.ask() == "access-1"


@pytest.mark.parametrize(("hangs", "at_most"), [(0.0, 30.0), (5.0, 35.0), (11.0, 41.0)])
def test_writing_is_given_up_after_half_a_minute_however_long_a_server_hangs(
    world: World, monkeypatch: pytest.MonkeyPatch, hangs: float, at_most: float
) -> None:
    """With the time-outs of a Redis and of a database."""
    begun: list[float] = []
    answered = iter([True])

    def compare_and_set(key: str, old: bytes | None, new: bytes) -> bool:
        if next(answered, False):
            return HostBackend.compare_and_set(world.backend, key, old, new)
        begun.append(world.steady)
        world.steady += hangs
        raise BackendError("Redis did not answer in time")

    monkeypatch.setattr(world.backend, "compare_and_set", compare_and_set)
    before = world.steady
    assert isinstance(world.refused(), AuthenticationError)
    assert begun[-1] - before < 30
    assert 30 - hangs - 1 <= world.steady - before <= at_most


def test_who_cannot_write_the_answer_goes_on_while_the_token_before_works(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.now -= 1000  # some minutes before its end
    process = world.process()
    first = iter([False])
    world.backend.fails = lambda: next(first, True)

    def ask() -> str:
        return world.chain(memory=process).token(world.platform.renew).value

    asked: list[float] = []
    for _ in range(3):
        begun = world.steady
        assert ask() == "access-0"
        asked.append(world.steady - begun)
    # Half a minute for the answer; after that each question tries once, and does not wait.
    assert asked == [29, 0, 0]
    (warning,) = [text for text in caplog.messages if "works until its end" in text]
    assert f"the answer could not be written down: the disk is full, make room. {REMEDY}" in warning
    # Another process neither sends it again nor stops.
    assert world.ask() == "access-0"
    world.backend.fails = lambda: False
    assert ask() == world.ask() == "access-1"
    assert world.platform.sent == ["refresh-0"]


def test_who_cannot_write_the_answer_stops_when_the_token_before_does_not_work(world: World) -> None:
    world.now -= 1000
    process = world.process()
    first = iter([False])
    world.backend.fails = lambda: next(first, True)
    assert world.chain(memory=process).token(world.platform.renew).value == "access-0"
    with pytest.raises(StoreError, match="make room"):
        world.chain(memory=process).token(world.platform.renew, rejected="access-0")
    world.now += 300
    with pytest.raises(StoreError, match="make room"):
        world.chain(memory=process).token(world.platform.renew)
    assert world.platform.sent == ["refresh-0"]


def test_a_claim_whose_writing_was_not_confirmed_is_taken_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    unconfirmed = iter([True])

    def compare_and_set(key: str, old: bytes | None, new: bytes) -> bool:
        done = HostBackend.compare_and_set(world.backend, key, old, new)
        if next(unconfirmed, False):
            raise BackendError("Redis did not answer in time")
        return done

    monkeypatch.setattr(world.backend, "compare_and_set", compare_and_set)
    assert isinstance(world.refused(), StoreError)
    assert world.platform.sent == []
    world.now += 100
    assert world.ask() == "access-1"


@pytest.mark.parametrize("error", [None, RateLimited("slow down")])
def test_the_next_hook_of_a_process_writes_what_the_one_before_could_not(world: World, error: Any) -> None:
    process = world.process()
    first = iter([False])
    world.backend.fails = lambda: next(first, True)
    world.platform.error = error
    with pytest.raises(RateLimited if error else AuthenticationError):
        world.chain(memory=process).token(world.platform.renew)
    world.backend.fails = lambda: False
    world.platform.error = None
    assert world.platform.sent == ["refresh-0"]
    if error:
        world.platform.sent.clear()
    assert world.chain(memory=process).token(world.platform.renew).value == world.ask() == "access-1"
    assert world.platform.sent == ["refresh-0"]


def test_a_refusal_that_cannot_be_written_down_is_said_all_the_same(world: World) -> None:
    process = world.process()
    first = iter([False])
    world.backend.fails = lambda: next(first, True)
    world.platform.error = ConsentEnded("used up", code=20064)
    with pytest.raises(ConsentEnded, match="used up"):
        world.chain(memory=process).token(world.platform.renew)
    world.backend.fails = lambda: False
    with pytest.raises(ConsentEnded, match="used up"):
        world.chain(memory=process).token(world.platform.renew)
    assert isinstance(world.refused(), ConsentEnded)
    assert world.platform.sent == ["refresh-0"]


@pytest.mark.parametrize("swap_number", [1, 2])
def test_an_interrupt_waits_until_the_answer_is_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch, swap_number: int
) -> None:
    """As a task's timeout comes: in the main thread, while it claims the token or writes the answer."""

    class TimeIsUp(BaseException):
        """As Airflow's own, no ordinary error."""

    def time_is_up(_signal: int, _frame: object) -> None:
        raise TimeIsUp

    swaps = 0
    main = threading.main_thread().ident
    assert main is not None

    def compare_and_set(key: str, old: bytes | None, new: bytes) -> bool:
        nonlocal swaps
        swaps += 1
        if swaps == swap_number:
            signal.pthread_kill(main, signal.SIGALRM)
        return HostBackend.compare_and_set(world.backend, key, old, new)

    monkeypatch.setattr(world.backend, "compare_and_set", compare_and_set)
    before = signal.signal(signal.SIGALRM, time_is_up)
    try:
        with pytest.raises(TimeIsUp):
            world.ask()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert world.records.read()[1].claimed_by == ""
    assert world.ask() == "access-1"
    assert world.platform.sent == ["refresh-0"]
