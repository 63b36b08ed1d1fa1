"""A lock that another process holds: a call waits for it once, whatever the transport retries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NoReturn

import pytest
import requests

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.auth import Token, TokenAuth
from airflow_provider_meetings.api.http.oauth import TokenPair, UserTokenAuth
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination import token_cache
from airflow_provider_meetings.coordination.backend import DurableBackend
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenStore
from airflow_provider_meetings.coordination.token_cache import SharedTokens
from tests.coordination import durable_backends
from tests.coordination.durable_backends import Location


class Clock:
    """A clock that only waits advance."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=durable_backends.KINDS)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Location]:
    with durable_backends.location(request.param, tmp_path) as location:
        yield location


def call(clock: Clock, auth: TokenAuth) -> None:
    """Make a call that is never sent, because there is no token."""
    transport = Transport(base_url="http://127.0.0.1:9", platform="feishu", sleep=clock.sleep, clock=clock)
    transport.call("GET", "/", lambda response: response, quota=Quota("minutes.get"), auth=auth)


def place(request: requests.PreparedRequest, token: str) -> None:
    request.headers["Authorization"] = token


def never(_secret: str) -> NoReturn:
    raise AssertionError


def test_call_with_users_token_waits_once(location: Location, clock: Clock) -> None:
    key = location.key()
    users = UserTokenStore(
        location.make(),
        name=key,
        secret="the-secret",
        memory=ProcessTokenStore(clock),
        remedy="Consent.",
        consent_seconds=3e7,
        clock=clock,
        pause=clock.sleep,
        sleep=clock.sleep,
        steady=clock,
        max_request_seconds=0.2,
    )
    users.accept(TokenPair("access", 7200, "refresh", 7 * 86400, ""))
    clock.now += 8000
    start = clock.now
    auth = UserTokenAuth(users=users, renew=never, place=place, on_secret=never)
    with location.make().lock(key, 0), pytest.raises(ServerError, match="Another process is renewing"):
        call(clock, auth)
    assert clock.now - start == pytest.approx(2.2, abs=0.5)


def watch_waits(backend: DurableBackend, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    lock: Callable[[str, float], AbstractContextManager[None]] = backend.lock

    def watched(key: str, timeout: float) -> AbstractContextManager[None]:
        waits.append(timeout)
        return lock(key, timeout)

    monkeypatch.setattr(backend, "lock", watched)
    return waits


@pytest.mark.parametrize(("longest", "waited", "fetches"), [(0.2, [0.2, 0, 0, 0], 4), (90.0, [0.2], 0)])
def test_call_with_apps_token_waits_once(
    location: Location,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    longest: float,
    waited: list[float],
    fetches: int,
) -> None:
    """After the longest wait a process fetches a token itself; a caller that may wait less gets an error."""
    monkeypatch.setattr(token_cache, "TIMEOUT_SECONDS", longest)
    key, backend, fetched = location.key(), location.make(), []
    waits = watch_waits(backend, monkeypatch)

    def fetch() -> Token:
        fetched.append(key)
        raise ServerError("feishu answered 503")

    tokens = SharedTokens(backend, "the-secret", ProcessTokenStore(), lambda: 0.0, timeout=0.2)
    auth = TokenAuth(key=key, fetch=fetch, place=place, store=tokens, on_secret=never)
    with location.make().lock(key, 0), pytest.raises(ServerError, match="503" if fetches else "another process"):
        call(clock, auth)
    assert (waits, len(fetched)) == (waited, fetches)
