"""Real processes, a real emulator, real servers: each refresh token is sent once, whoever is killed or stands still."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.http.oauth import TokenPair
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.coordination.oauth.consent import KeptConsent
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenChain
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_SECRET,
    FEISHU_USER_REFRESH_TOKEN,
    FEISHU_USER_TOKEN,
)
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from tests.contract.backend import eventually
from tests.coordination import durable_places
from tests.coordination.askers import REMEDY, run, started
from tests.coordination.durable_places import Place

DIED = "was sent by a process that ended before it wrote down the answer"


@dataclass
class Users:
    """An emulator, where the tokens of its user are kept, and how they are asked for."""

    url: str
    platform: EmulatorState
    place: Place
    name: str

    def order(self, **changes: Any) -> dict[str, Any]:
        known = {"do": "user", "url": self.url, "kind": self.place.kind, "argument": self.place.argument}
        return {**known, "name": self.name, **changes}

    def call(self, count: int = 1, **changes: Any) -> set[str]:
        """Make processes call, and return what they came to."""
        answers = run([self.order(**changes)] * count)
        assert len(answers) == count
        self.told = {token for answer in answers for token in answer["tokens"]}
        self.warnings = [warning for answer in answers for warning in answer["warnings"]]
        return {error for answer in answers for error in answer["errors"]}

    def chain(self, secret: str = FEISHU_APP_SECRET) -> UserTokenChain:
        return UserTokenChain(
            self.place.make(), name=self.name, secret=secret, memory=ProcessTokenStore(), remedy=REMEDY
        )

    def consent(self, access_seconds: float) -> None:
        self.chain().accept(
            TokenPair(
                FEISHU_USER_TOKEN, access_seconds, FEISHU_USER_REFRESH_TOKEN, 7 * 86400, "minutes:minutes.basic:read"
            )
        )

    @property
    def sent(self) -> Counter[str]:
        """Count how often the platform was shown each refresh token."""
        bodies = [one.body for one in self.platform.requests if one.path == "/open-apis/authen/v2/oauth/token"]
        return Counter(body["refresh_token"] for body in bodies)


@pytest.fixture(params=durable_places.KINDS)
def users(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Users]:
    platform = EmulatorState()
    with durable_places.place(request.param, tmp_path) as place, serve(platform) as url:
        yield Users(url, platform, place, place.key())


def test_fifty_who_ask_at_once_send_each_refresh_token_once(users: Users) -> None:
    users.consent(access_seconds=0)
    assert users.call(25, threads=2) == {""}
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}
    # The platform voids what they all have: now each of them knows a token that was rejected.
    for token in users.told:
        if token != FEISHU_USER_REFRESH_TOKEN and users.platform.tokens.status("feishu_user", token) == "valid":
            users.platform.revoke_tokens(token)
    assert users.call(25, threads=2) == {""}
    assert len(users.sent) == 2
    assert set(users.sent.values()) == {1}


@contextmanager
def standing_still(users: Users) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a process that stands still between the answer and the write; and give its number."""
    with started([users.order(stop=signal.SIGSTOP)]) as process:
        pid = read_line(process)["pid"]
        try:
            eventually(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
            yield process, pid
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise


def read_line(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def test_killed_between_the_answer_and_the_write(users: Users) -> None:
    users.consent(access_seconds=0)
    with started([users.order(stop=signal.SIGKILL)]) as killed:
        assert read_line(killed)["pid"]
        killed.wait()
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}
    # A request lasts no longer than that; the next step is said to all, and nobody sends the token again.
    (error,) = users.call(5, ahead=100)
    assert error.startswith(f"AuthenticationError: The user's refresh token {DIED}")
    assert REMEDY in error
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}
    # The one way on.
    users.platform.reset()
    users.consent(access_seconds=7200)
    assert users.call(3) == {""}


def test_killed_before_the_claim_nothing_is_lost(users: Users) -> None:
    users.consent(access_seconds=0)
    with started([users.order(stop=signal.SIGKILL, swaps=1)]) as killed:
        assert read_line(killed)["pid"]
        killed.wait()
    assert users.call(3) == {""}
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}


def test_killed_between_the_claim_and_the_request(users: Users) -> None:
    """Nobody else can tell whether the token was sent, so nobody sends it."""
    users.consent(access_seconds=0)
    with started([users.order(stop=signal.SIGKILL, swaps=1, after=True)]) as killed:
        assert read_line(killed)["pid"]
        killed.wait()
    (error,) = users.call(3, ahead=100)
    assert DIED in error
    assert REMEDY in error
    assert users.sent == {}


def test_while_the_token_before_works_a_death_is_a_warning(users: Users) -> None:
    # Half a minute before its end it is renewed already.
    users.consent(access_seconds=7200)
    with started([users.order(stop=signal.SIGKILL, ahead=7000)]) as killed:
        assert read_line(killed)["pid"]
        killed.wait()

    def warned() -> bool:
        assert users.call(1, ahead=7100) == {""}
        return bool(users.warnings)

    # Where a hold is a lease, the dead one keeps it for a moment, and seems to be renewing.
    eventually(warned)
    (warning,) = users.warnings
    assert DIED in warning
    assert REMEDY in warning
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}


def test_one_who_stands_still_is_waited_for_and_never_overtaken(users: Users) -> None:
    users.consent(access_seconds=0)
    with standing_still(users) as (frozen, pid):
        (error,) = users.call(3, longest=4)
        # Where a hold is a lease it was lost meanwhile: then the record alone tells that the token was sent.
        kind = "AuthenticationError" if users.place.kind == "redis" else "ServerError"
        assert error.startswith(f"{kind}: ")
        assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}
        with started([users.order()] * 3) as waiting:
            os.kill(pid, signal.SIGCONT)
            assert read_line(frozen)["errors"] == [""]
            assert [read_line(waiting)["errors"] for _ in range(3)] == [[""]] * 3
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}


def test_a_consent_given_meanwhile_is_not_overwritten(users: Users) -> None:
    users.consent(access_seconds=0)
    with standing_still(users) as (frozen, pid):
        users.chain().accept(TokenPair(FEISHU_USER_TOKEN, 7200, "another-refresh-token", 7 * 86400, ""))
        os.kill(pid, signal.SIGCONT)
        assert read_line(frozen)["errors"] == [""]
    assert users.sent == {FEISHU_USER_REFRESH_TOKEN: 1}
    users.platform.requests.clear()
    (error,) = users.call(1, ahead=8000)
    assert "20026" in error
    assert users.sent == {"another-refresh-token": 1}


def test_nothing_that_is_kept_shows_a_token_or_a_secret(users: Users) -> None:
    users.consent(access_seconds=0)
    begun = KeptConsent(users.place.make(), name=users.name, secret=FEISHU_APP_SECRET)
    begun.begin({"state": "the-state", "verifier": "the-verifier"})
    assert users.call(2) == {""}
    secrets = users.told | {
        FEISHU_APP_SECRET,
        FEISHU_USER_TOKEN,
        FEISHU_USER_REFRESH_TOKEN,
        "the-state",
        "the-verifier",
    }
    assert len(secrets) >= 7
    users.place.keys.append(f"{users.name}|pending")

    def found() -> set[str]:
        lying = users.place.dump()
        assert len(lying) > 500
        return {secret for secret in secrets if secret.encode() in lying}

    assert found() == set()
    backend = users.place.make()
    backend.set(users.place.key(), "\n".join(secrets).encode(), 60)
    assert found() == secrets
