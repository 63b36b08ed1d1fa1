"""Renewals during which something else happens: other writes, failing writes, interrupts."""

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
    oauth.store().accept(oauth.platform.tokens(0))
    oauth.now += 8000
    return oauth


def renew_while(oauth: OAuthFixture, action: Callable[[], object]) -> Callable[[str], TokenPair]:
    """Return a renewal during which the action runs."""

    def renew(refresh_token: str) -> TokenPair:
        action()
        return oauth.platform.renew(refresh_token)

    return renew


def test_answer_is_stored_after_unrelated_change(oauth: OAuthFixture) -> None:
    renew = renew_while(oauth, lambda: oauth.change_record(lambda record: replace(record, user="ou_1")))
    assert oauth.store().token(renew).value == oauth.token() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_answer_is_stored_after_record_was_lost(oauth: OAuthFixture) -> None:
    def lost() -> None:
        for path in oauth.backend._folder.path.glob("*.record"):
            path.unlink()

    assert oauth.store().token(renew_while(oauth, lost)).value == oauth.token() == "access-1"


@pytest.mark.parametrize("error", [None, ConsentEnded("used up")])
def test_new_consent_during_renewal_is_used(oauth: OAuthFixture, error: Exception | None) -> None:
    oauth.platform.error = error
    renew = renew_while(oauth, lambda: oauth.store().accept(oauth.platform.tokens(5)))
    assert oauth.store().token(renew).value == oauth.token() == "access-5"


def test_failed_renewal_keeps_new_consent(oauth: OAuthFixture) -> None:
    oauth.platform.error = ServerError("no answer")
    renew = renew_while(oauth, lambda: oauth.store().accept(oauth.platform.tokens(5)))
    with pytest.raises(ServerError, match="no answer"):
        oauth.store().token(renew)
    assert oauth.token() == "access-5"


def test_ready_is_called_before_claim(oauth: OAuthFixture) -> None:
    claims: list[str] = []

    def ready(refresh_token: str) -> None:
        assert refresh_token == "refresh-0"
        claims.append(oauth.records.read()[1].claimed_by)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        oauth.store().token(oauth.platform.renew, ready=ready)
    assert claims == [""]
    assert oauth.token() == "access-1"


@pytest.mark.parametrize("failures", [1, 29])
def test_release_of_claim_is_retried(oauth: OAuthFixture, failures: int) -> None:
    left = iter([False, *[True] * failures])
    oauth.backend.fails = lambda: next(left, False)
    oauth.platform.error = RateLimited("slow down", retry_after=1)
    assert oauth.error() is oauth.platform.error
    oauth.platform.error = None
    oauth.platform.sent.clear()
    oauth.now += 100
    assert oauth.token() == "access-1"


@pytest.mark.parametrize(("hangs", "longest"), [(0.0, 30.0), (5.0, 35.0), (11.0, 41.0)])
def test_writes_are_retried_for_half_a_minute(
    oauth: OAuthFixture, monkeypatch: pytest.MonkeyPatch, hangs: float, longest: float
) -> None:
    """The durations are timeouts of Redis and of a database."""
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
    assert isinstance(oauth.error(), AuthenticationError)
    assert begun[-1] - before < 30
    assert 30 - hangs - 1 <= oauth.steady - before <= longest


def test_answer_that_cannot_be_stored_while_old_token_works(
    oauth: OAuthFixture, caplog: pytest.LogCaptureFixture
) -> None:
    oauth.now -= 1000  # some minutes before the token expires
    process = oauth.process()
    first = iter([False])
    oauth.backend.fails = lambda: next(first, True)

    durations: list[float] = []
    for _ in range(3):
        started = oauth.steady
        assert oauth.token(process) == "access-0"
        durations.append(oauth.steady - started)
    # The first call retries for half a minute; each later call tries once.
    assert durations == [29, 0, 0]
    (warning,) = [text for text in caplog.messages if "using the old one until it expires" in text]
    assert f"the new token could not be stored: the disk is full. {REMEDY}" in warning
    # Another process uses the old token and does not send the refresh token again.
    assert oauth.token() == "access-0"
    oauth.backend.fails = lambda: False
    assert oauth.token(process) == oauth.token() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_answer_that_cannot_be_stored_after_old_token_expired(oauth: OAuthFixture) -> None:
    oauth.now -= 1000
    process = oauth.process()
    first = iter([False])
    oauth.backend.fails = lambda: next(first, True)
    assert oauth.token(process) == "access-0"
    with pytest.raises(StoreError, match="the disk is full"):
        oauth.token(process, rejected="access-0")
    oauth.now += 300
    with pytest.raises(StoreError, match="the disk is full"):
        oauth.token(process)
    assert oauth.platform.sent == ["refresh-0"]


def test_unconfirmed_claim_is_released(oauth: OAuthFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    unconfirmed = iter([True])

    def compare_and_set(key: str, old: bytes | None, new: bytes) -> bool:
        done = HostBackend.compare_and_set(oauth.backend, key, old, new)
        if next(unconfirmed, False):
            raise BackendError("Redis did not answer in time")
        return done

    monkeypatch.setattr(oauth.backend, "compare_and_set", compare_and_set)
    assert isinstance(oauth.error(), StoreError)
    assert oauth.platform.sent == []
    oauth.now += 100
    assert oauth.token() == "access-1"


@pytest.mark.parametrize("error", [None, RateLimited("slow down")])
def test_next_hook_stores_pending_answer(oauth: OAuthFixture, error: Any) -> None:
    process = oauth.process()
    first = iter([False])
    oauth.backend.fails = lambda: next(first, True)
    oauth.platform.error = error
    with pytest.raises(RateLimited if error else AuthenticationError):
        oauth.token(process)
    oauth.backend.fails = lambda: False
    oauth.platform.error = None
    assert oauth.platform.sent == ["refresh-0"]
    if error:
        oauth.platform.sent.clear()
    assert oauth.token(process) == oauth.token() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]


def test_refusal_that_cannot_be_stored_is_raised(oauth: OAuthFixture) -> None:
    process = oauth.process()
    first = iter([False])
    oauth.backend.fails = lambda: next(first, True)
    oauth.platform.error = ConsentEnded("used up", code=20064)
    with pytest.raises(ConsentEnded, match="used up"):
        oauth.token(process)
    oauth.backend.fails = lambda: False
    with pytest.raises(ConsentEnded, match="used up"):
        oauth.token(process)
    assert isinstance(oauth.error(), ConsentEnded)
    assert oauth.platform.sent == ["refresh-0"]


@pytest.mark.parametrize("write_number", [1, 2])
def test_interrupt_is_raised_after_answer_is_stored(
    oauth: OAuthFixture, monkeypatch: pytest.MonkeyPatch, write_number: int
) -> None:
    """A task's timeout is raised in the main thread; here during the claim or the write of the answer."""

    class Timeout(BaseException):
        """Like Airflow's AirflowTaskTimeout, not an Exception."""

    def raise_timeout(_signal: int, _frame: object) -> None:
        raise Timeout

    writes = 0
    main = threading.main_thread().ident
    assert main is not None

    def compare_and_set(key: str, old: bytes | None, new: bytes) -> bool:
        nonlocal writes
        writes += 1
        if writes == write_number:
            signal.pthread_kill(main, signal.SIGALRM)
        return HostBackend.compare_and_set(oauth.backend, key, old, new)

    monkeypatch.setattr(oauth.backend, "compare_and_set", compare_and_set)
    before = signal.signal(signal.SIGALRM, raise_timeout)
    try:
        with pytest.raises(Timeout):
            oauth.token()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert oauth.records.read()[1].claimed_by == ""
    assert oauth.token() == "access-1"
    assert oauth.platform.sent == ["refresh-0"]
