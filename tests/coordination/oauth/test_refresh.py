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
from tests.coordination.oauth.oauth_fixture import REMEDY, OAuthFixture


@pytest.fixture
def oauth(tmp_path: Path) -> OAuthFixture:
    oauth = OAuthFixture(tmp_path / "state")
    oauth.chain().accept(oauth.platform.grant(0))
    oauth.now += 8000
    return oauth


def meanwhile(oauth: OAuthFixture, happens: Callable[[], object]) -> Callable[[str], TokenPair]:
    """Have something happen while a refresh token is at the platform."""

    def renew(refresh_token: str) -> TokenPair:
        happens()
        return oauth.platform.renew(refresh_token)

    return renew


def test_an_answer_is_kept_whatever_else_was_written_meanwhile(oauth: OAuthFixture) -> None:
    renew = meanwhile(oauth, lambda: oauth.change(lambda record: replace(record, user="ou_1")))
    assert oauth.chain().token(renew).value == oauth.ask() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_an_answer_is_kept_where_the_record_was_lost_meanwhile(oauth: OAuthFixture) -> None:
    def lost() -> None:
        for path in oauth.backend._folder.path.glob("*.record"):
            path.unlink()

    assert oauth.chain().token(meanwhile(oauth, lost)).value == oauth.ask() == "access-1"


@pytest.mark.parametrize("error", [None, ConsentEnded("used up")])
def test_a_consent_given_meanwhile_counts(oauth: OAuthFixture, error: Exception | None) -> None:
    oauth.platform.error = error
    renew = meanwhile(oauth, lambda: oauth.chain().accept(oauth.platform.grant(5)))
    assert oauth.chain().token(renew).value == oauth.ask() == "access-5"


def test_a_consent_given_meanwhile_is_not_touched_by_who_got_no_answer(oauth: OAuthFixture) -> None:
    oauth.platform.error = ServerError("no answer")
    renew = meanwhile(oauth, lambda: oauth.chain().accept(oauth.platform.grant(5)))
    with pytest.raises(ServerError, match="no answer"):
        oauth.chain().token(renew)
    assert oauth.ask() == "access-5"


def test_the_turn_is_waited_for_before_the_claim(oauth: OAuthFixture) -> None:
    claims: list[str] = []

    def ready(refresh_token: str) -> None:
        assert refresh_token == "refresh-0"
        claims.append(oauth.records.read()[1].claimed_by)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        oauth.chain().token(oauth.platform.renew, ready=ready)
    assert claims == [""]
    assert oauth.ask() == "access-1"


@pytest.mark.parametrize("blinks", [1, 29])
def test_that_a_token_was_not_used_is_written_down_as_soon_as_it_can_be(oauth: OAuthFixture, blinks: int) -> None:
    left = iter([False, *[True] * blinks])
    oauth.backend.fails = lambda: next(left, False)
    oauth.platform.error = RateLimited("slow down", retry_after=1)
    assert oauth.refused() is oauth.platform.error
    oauth.platform.error = None
    oauth.platform.sent.clear()
    oauth.now += 100
    assert oauth.ask() == "access-1"


@pytest.mark.parametrize(("hangs", "at_most"), [(0.0, 30.0), (5.0, 35.0), (11.0, 41.0)])
def test_writing_is_given_up_after_half_a_minute_however_long_a_server_hangs(
    oauth: OAuthFixture, monkeypatch: pytest.MonkeyPatch, hangs: float, at_most: float
) -> None:
    """With the time-outs of a Redis and of a database."""
    begun: list[float] = []
    answered = iter([True])

    def compare_and_set(key: str, old: bytes | None, new: bytes) -> bool:
        if next(answered, False):
            return HostBackend.compare_and_set(oauth.backend, key, old, new)
        begun.append(oauth.steady)
        oauth.steady += hangs
        raise BackendError("Redis did not answer in time")

    monkeypatch.setattr(oauth.backend, "compare_and_set", compare_and_set)
    before = oauth.steady
    assert isinstance(oauth.refused(), AuthenticationError)
    assert begun[-1] - before < 30
    assert 30 - hangs - 1 <= oauth.steady - before <= at_most


def test_who_cannot_write_the_answer_goes_on_while_the_token_before_works(
    oauth: OAuthFixture, caplog: pytest.LogCaptureFixture
) -> None:
    oauth.now -= 1000  # some minutes before its end
    process = oauth.process()
    first = iter([False])
    oauth.backend.fails = lambda: next(first, True)

    def ask() -> str:
        return oauth.chain(memory=process).token(oauth.platform.renew).value

    asked: list[float] = []
    for _ in range(3):
        begun = oauth.steady
        assert ask() == "access-0"
        asked.append(oauth.steady - begun)
    # Half a minute for the answer; after that each question tries once, and does not wait.
    assert asked == [29, 0, 0]
    (warning,) = [text for text in caplog.messages if "works until its end" in text]
    assert f"the answer could not be written down: the disk is full, make room. {REMEDY}" in warning
    # Another process neither sends it again nor stops.
    assert oauth.ask() == "access-0"
    oauth.backend.fails = lambda: False
    assert ask() == oauth.ask() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_who_cannot_write_the_answer_stops_when_the_token_before_does_not_work(oauth: OAuthFixture) -> None:
    oauth.now -= 1000
    process = oauth.process()
    first = iter([False])
    oauth.backend.fails = lambda: next(first, True)
    assert oauth.chain(memory=process).token(oauth.platform.renew).value == "access-0"
    with pytest.raises(StoreError, match="make room"):
        oauth.chain(memory=process).token(oauth.platform.renew, rejected="access-0")
    oauth.now += 300
    with pytest.raises(StoreError, match="make room"):
        oauth.chain(memory=process).token(oauth.platform.renew)
    assert oauth.platform.sent == ["refresh-0"]


def test_a_claim_whose_writing_was_not_confirmed_is_taken_back(
    oauth: OAuthFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    unconfirmed = iter([True])

    def compare_and_set(key: str, old: bytes | None, new: bytes) -> bool:
        done = HostBackend.compare_and_set(oauth.backend, key, old, new)
        if next(unconfirmed, False):
            raise BackendError("Redis did not answer in time")
        return done

    monkeypatch.setattr(oauth.backend, "compare_and_set", compare_and_set)
    assert isinstance(oauth.refused(), StoreError)
    assert oauth.platform.sent == []
    oauth.now += 100
    assert oauth.ask() == "access-1"


@pytest.mark.parametrize("error", [None, RateLimited("slow down")])
def test_the_next_hook_of_a_process_writes_what_the_one_before_could_not(oauth: OAuthFixture, error: Any) -> None:
    process = oauth.process()
    first = iter([False])
    oauth.backend.fails = lambda: next(first, True)
    oauth.platform.error = error
    with pytest.raises(RateLimited if error else AuthenticationError):
        oauth.chain(memory=process).token(oauth.platform.renew)
    oauth.backend.fails = lambda: False
    oauth.platform.error = None
    assert oauth.platform.sent == ["refresh-0"]
    if error:
        oauth.platform.sent.clear()
    assert oauth.chain(memory=process).token(oauth.platform.renew).value == oauth.ask() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_a_refusal_that_cannot_be_written_down_is_said_all_the_same(oauth: OAuthFixture) -> None:
    process = oauth.process()
    first = iter([False])
    oauth.backend.fails = lambda: next(first, True)
    oauth.platform.error = ConsentEnded("used up", code=20064)
    with pytest.raises(ConsentEnded, match="used up"):
        oauth.chain(memory=process).token(oauth.platform.renew)
    oauth.backend.fails = lambda: False
    with pytest.raises(ConsentEnded, match="used up"):
        oauth.chain(memory=process).token(oauth.platform.renew)
    assert isinstance(oauth.refused(), ConsentEnded)
    assert oauth.platform.sent == ["refresh-0"]


@pytest.mark.parametrize("swap_number", [1, 2])
def test_an_interrupt_waits_until_the_answer_is_written_down(
    oauth: OAuthFixture, monkeypatch: pytest.MonkeyPatch, swap_number: int
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
        return HostBackend.compare_and_set(oauth.backend, key, old, new)

    monkeypatch.setattr(oauth.backend, "compare_and_set", compare_and_set)
    before = signal.signal(signal.SIGALRM, time_is_up)
    try:
        with pytest.raises(TimeIsUp):
            oauth.ask()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert oauth.records.read()[1].claimed_by == ""
    assert oauth.ask() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]
