"""A user's tokens in several processes, with a real emulator: each refresh token is sent once.

All scenarios run with files. The database backends run those in which they differ; their contract covers the rest.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.http.oauth import TokenPair
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenStore
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_SECRET,
    FEISHU_USER_REFRESH_TOKEN,
    FEISHU_USER_TOKEN,
)
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from tests.contract.backends.backend import eventually
from tests.contract.backends.backend_processes import Child
from tests.coordination import durable_backends
from tests.coordination.durable_backends import Location
from tests.coordination.token_requesters import REMEDY, requesters, run, user_calls

UNKNOWN_ANSWER = "was sent by a process that ended before it stored the answer"


@dataclass
class Users:
    """An emulator, the location of its user's tokens, and the processes that use them."""

    url: str
    platform: EmulatorState
    location: Location
    name: str
    tokens: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    def arguments(self, **changes: Any) -> dict[str, Any]:
        known = {"url": self.url, "kind": self.location.kind, "location": self.location.name, "name": self.name}
        return {**known, **changes}

    def call(self, count: int = 1, **changes: Any) -> set[str]:
        """Make calls in several processes, and return their errors."""
        answers = run(user_calls, [self.arguments(**changes)] * count)
        self.tokens = {token for answer in answers for token in answer["tokens"]}
        self.warnings = [warning for answer in answers for warning in answer["warnings"]]
        return {error for answer in answers for error in answer["errors"]}

    def call_and_die(self, **changes: Any) -> None:
        """Have a process killed at a write of the record."""
        with requesters(user_calls, [self.arguments(stop=signal.SIGKILL, **changes)]) as [killed]:
            assert killed.receive() == "stopping"
            killed.wait()

    def store(self, secret: str = FEISHU_APP_SECRET) -> UserTokenStore:
        return UserTokenStore(
            self.location.make(),
            name=self.name,
            secret=secret,
            memory=ProcessTokenStore(),
            consent_seconds=3e7,
            remedy=REMEDY,
        )

    def consent(self, access_seconds: float) -> None:
        scope = "minutes:minutes.basic:read"
        self.store().accept(TokenPair(FEISHU_USER_TOKEN, access_seconds, FEISHU_USER_REFRESH_TOKEN, 7 * 86400, scope))

    @property
    def sent(self) -> Counter[str]:
        """Count how often the platform received each refresh token."""
        return Counter(self.platform.consents.presented)


@pytest.fixture
def users(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Users]:
    platform = EmulatorState()
    kind = getattr(request, "param", "host")
    with durable_backends.location(kind, tmp_path) as location, serve(platform) as url:
        yield Users(url, platform, location, location.key())


every_backend = pytest.mark.parametrize("users", durable_backends.KINDS, indirect=True)


@every_backend
def test_concurrent_processes_send_each_refresh_token_once(users: Users, pytestconfig: pytest.Config) -> None:
    count = pytestconfig.getoption("--processes") // 4
    users.consent(access_seconds=0)
    assert users.call(count, threads=2) == {""}
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}
    users.platform.revoke_tokens()
    assert users.call(count, threads=2) == {""}
    assert len(users.sent) == 2
    assert set(users.sent.values()) == {1}


@contextmanager
def stopped_before_storing(users: Users) -> Iterator[Child]:
    """Run a process that is stopped between the platform's answer and the write."""
    with requesters(user_calls, [users.arguments(stop=signal.SIGSTOP)]) as [child]:
        assert child.receive() == "stopping"
        stat = Path(f"/proc/{child.pid}/stat")
        eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
        yield child


def test_killed_between_answer_and_write(users: Users) -> None:
    users.consent(access_seconds=0)
    users.call_and_die()
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}
    # After the longest request, all others report the next step, and none sends the token again.
    (error,) = users.call(5, ahead=100)
    assert error.startswith(f"AuthenticationError: The user's refresh token {UNKNOWN_ANSWER}")
    assert REMEDY in error
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}
    # A new consent is the only way on.
    users.platform.reset()
    users.consent(access_seconds=7200)
    assert users.call(3) == {""}


def test_killed_before_claim(users: Users) -> None:
    users.consent(access_seconds=0)
    users.call_and_die(write=1)
    assert users.call(3) == {""}
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}


def test_killed_between_claim_and_request(users: Users) -> None:
    """Other processes cannot know whether the token was sent, so none sends it."""
    users.consent(access_seconds=0)
    users.call_and_die(write=1, after=True)
    (error,) = users.call(3, ahead=100)
    assert UNKNOWN_ANSWER in error
    assert REMEDY in error
    assert users.sent == {}


@pytest.mark.parametrize("users", ["host", "redis"], indirect=True)
def test_killed_while_old_token_works_is_a_warning(users: Users) -> None:
    users.consent(access_seconds=7200)
    users.call_and_die(ahead=7000)

    def warned() -> bool:
        assert users.call(1, ahead=7100) == {""}
        return bool(users.warnings)

    # The lease of a Redis lock outlives the process: until it ends, the renewal seems to go on.
    eventually(warned)
    (warning,) = users.warnings
    assert UNKNOWN_ANSWER in warning
    assert REMEDY in warning
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}


@pytest.mark.parametrize("users", ["host", "redis", "postgres"], indirect=True)
def test_stopped_process_is_waited_for(users: Users) -> None:
    users.consent(access_seconds=0)
    with stopped_before_storing(users) as stopped:
        (error,) = users.call(3, max_request_seconds=2)
        # The lease of the Redis lock has expired: only the record shows that the token was sent.
        kind = "AuthenticationError" if users.location.kind == "redis" else "ServerError"
        assert error.startswith(f"{kind}: ")
        assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}
        with requesters(user_calls, [users.arguments()] * 3) as waiting:
            os.kill(stopped.pid, signal.SIGCONT)
            assert stopped.receive()["errors"] == [""]
            assert [child.receive()["errors"] for child in waiting] == [[""]] * 3
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}


def test_stopped_process_does_not_overwrite_new_consent(users: Users) -> None:
    users.consent(access_seconds=0)
    with stopped_before_storing(users) as stopped:
        users.store().accept(TokenPair(FEISHU_USER_TOKEN, 7200, "another-refresh-token", 7 * 86400, ""))
        os.kill(stopped.pid, signal.SIGCONT)
        assert stopped.receive()["errors"] == [""]
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}
    users.platform.forget_counters()
    (error,) = users.call(1, ahead=8000)
    assert "20026" in error
    assert users.sent == {"another-refresh-token": 1}


@every_backend
def test_stored_data_shows_no_secret(users: Users) -> None:
    users.consent(access_seconds=0)
    users.store().begin_consent("the-state", {"state": "the-state", "verifier": "the-verifier"})
    assert users.call(2) == {""}
    known = {FEISHU_APP_SECRET, FEISHU_USER_TOKEN, FEISHU_USER_REFRESH_TOKEN, "the-state", "the-verifier"}
    secrets = users.tokens | known
    assert len(secrets) >= 7
    users.location.keys.append(f"{users.name}|pending|the-state")

    def found() -> set[str]:
        stored = users.location.dump()
        assert len(stored) > 500
        return {secret for secret in secrets if secret.encode() in stored}

    assert found() == set()
    users.location.make().set(users.location.key(), "\n".join(secrets).encode(), 60)
    assert found() == secrets
