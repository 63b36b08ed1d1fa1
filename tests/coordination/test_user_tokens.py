"""The chain of single-use tokens in one process: what is renewed, what is remembered, what a person is told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import (
    AuthenticationError,
    ConsentEnded,
    MeetingsApiError,
    ServerError,
    StoreError,
)
from airflow_provider_meetings.api.grants import Grant, ends_soon
from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.host import HostBackend
from airflow_provider_meetings.coordination.process import ProcessTokenStore
from airflow_provider_meetings.coordination.user_notice import Notices
from airflow_provider_meetings.coordination.user_tokens import UserTokenChain

DAY = 86400.0
REMEDY = "Run airflow meetings authorize feishu_user."


class Platform:
    """Renews a row of tokens, each of which works once; counts what it is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.error: BaseException | None = None
        self.refresh_seconds = 7 * DAY

    def grant(self, number: int) -> Grant:
        return Grant(f"access-{number}", 7200, f"refresh-{number}", self.refresh_seconds, "a b")

    def renew(self, refresh_token: str) -> Grant:
        self.sent.append(refresh_token)
        if self.error is not None:
            raise self.error
        number = int(refresh_token.rpartition("-")[2])
        assert self.sent.count(refresh_token) == 1
        return self.grant(number + 1)


class FailingBackend(HostBackend):
    """Files on a disk that fails for some swaps."""

    fails: Callable[[], bool] = staticmethod(lambda: False)

    def swap(self, key: str, old: bytes | None, new: bytes) -> bool:
        if self.fails():
            raise BackendError("the disk is full, make room")
        return super().swap(key, old, new)


class World:
    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000.0
        self.platform = Platform()
        self.backend = FailingBackend(folder)
        self.pauses: list[float] = []
        self.said: dict[tuple[int, str], float] = {}

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)

    def chain(self, secret: str = "the-secret") -> UserTokenChain:
        """Return the chain of another process."""
        return UserTokenChain(
            self.backend,
            name="feishu|https://open.feishu.cn|cli_x|user|feishu_user",
            secret=secret,
            memory=ProcessTokenStore(lambda: self.now),
            remedy=REMEDY,
            clock=lambda: self.now,
            pause=self.pause,
            notices=Notices(REMEDY, lambda: self.now, self.said),
        )

    def ask(self, **changes: Any) -> str:
        return self.chain().token(self.platform.renew, **changes).value

    def refused(self) -> MeetingsApiError:
        with pytest.raises(MeetingsApiError) as caught:
            self.ask()
        return caught.value


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "state")
    world.chain().accept(world.platform.grant(0))
    return world


def test_a_fresh_token_is_used_and_one_that_is_due_is_renewed(world: World) -> None:
    assert [world.ask() for _ in range(3)] == ["access-0"] * 3
    assert world.platform.sent == []
    world.now += 7000
    assert [world.ask() for _ in range(3)] == ["access-1"] * 3
    world.now += 8000
    assert world.ask() == "access-2"
    assert world.platform.sent == ["refresh-0", "refresh-1"]


def test_a_rejected_token_is_renewed_once(world: World) -> None:
    assert world.ask(rejected="access-0") == "access-1"
    assert world.ask(rejected="access-0") == "access-1"
    assert world.platform.sent == ["refresh-0"]


def test_nobody_has_consented(tmp_path: Path) -> None:
    error = World(tmp_path / "other").refused()
    assert isinstance(error, AuthenticationError)
    assert str(error) == f"No user has consented for this connection yet. {REMEDY}"


def test_another_secret_needs_another_consent(world: World) -> None:
    other = world.chain("another-secret")
    with pytest.raises(
        AuthenticationError, match=r"the app's secret was changed since the consent.*authorize"
    ) as caught:
        other.token(world.platform.renew)
    assert "secret" not in str(caught.value).replace("the app's secret", "")
    assert other.standing() is None
    other.accept(world.platform.grant(5))
    assert other.token(world.platform.renew).value == "access-5"


@pytest.mark.parametrize("error", [ServerError("no answer"), KeyboardInterrupt()])
def test_who_lives_and_got_no_answer_lets_others_ask(world: World, error: BaseException) -> None:
    world.now += 8000
    world.platform.error = error
    with pytest.raises(type(error)):
        world.ask()
    world.platform.error = None
    world.platform.sent.clear()
    assert world.ask() == "access-1"
    assert world.platform.sent == ["refresh-0"]


def test_a_refresh_token_that_is_of_no_use_is_sent_once(world: World) -> None:
    world.now += 8000
    refusal = ConsentEnded("feishu refused it", platform="feishu", code=20064, next_step="Have the user consent again.")
    refusal.vendor_message = "revoked"
    world.platform.error = refusal
    errors = [world.refused() for _ in range(5)]
    assert {(type(error), str(error)) for error in errors} == {(ConsentEnded, str(refusal))}
    assert world.platform.sent == ["refresh-0"]
    world.chain().accept(world.platform.grant(8))
    assert world.ask() == "access-8"


def test_an_answer_is_written_down_as_soon_as_it_can_be(world: World) -> None:
    world.now += 8000
    left = iter([False, True, True, True])
    world.backend.fails = lambda: next(left, False)
    assert world.ask() == "access-1"
    assert world.pauses == [1.0] * 3
    assert world.ask() == "access-1"
    assert world.platform.sent == ["refresh-0"]


def test_an_answer_that_cannot_be_written_down_is_not_used(world: World) -> None:
    world.now += 8000
    broken = iter([False])
    world.backend.fails = lambda: next(broken, True)
    chain = world.chain()
    with pytest.raises(
        AuthenticationError, match=r"could not be written down: the disk is full, make room. Run airflow"
    ):
        chain.token(world.platform.renew)
    # Nobody else sends the token; the one who knows the answer writes it down when it is asked again.
    world.now += 100
    world.backend.fails = lambda: False
    assert "ended before it wrote down the answer" in str(world.refused())
    assert chain.token(world.platform.renew).value == world.ask() == "access-1"
    assert world.platform.sent == ["refresh-0"]


def test_a_backend_that_is_down_is_no_reason_to_go_on_alone(world: World) -> None:
    world.now += 8000
    world.backend.fails = lambda: True
    error = world.refused()
    assert isinstance(error, StoreError)
    assert not error.permanent
    assert "make room" in str(error)
    assert world.platform.sent == []


def test_a_clock_that_was_set_back_renews(world: World) -> None:
    world.now -= 10 * DAY
    assert world.ask() == "access-1"


def test_whose_it_is_is_kept(world: World) -> None:
    world.chain().describe("ou_1")
    world.now += 8000
    assert world.ask() == "access-1"
    standing = world.chain().standing()
    assert standing is not None
    assert (standing.user, standing.scope) == ("ou_1", "a b")
    # The consent began when it was given, however often it was renewed.
    assert standing.consent_ends == 1_800_000_000.0 + 365 * DAY
    assert standing.renewable_until == world.now + 7 * DAY


def test_what_was_begun_is_remembered_for_ten_minutes(world: World) -> None:
    world.chain().begin({"state": "s"})
    assert world.chain().pending() == {"state": "s"}
    assert world.chain("another-secret").pending() is None
    world.chain().accept(world.platform.grant(0))
    assert world.chain().pending() is None


def test_the_end_is_said_days_ahead_and_once_a_day(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def warned(after: float) -> list[str]:
        world.now += after
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                world.ask()
        return [record.message for record in caplog.records]

    world.platform.refresh_seconds = 400 * DAY
    assert warned(350 * DAY) == []
    (text,) = warned(1.5 * DAY)
    assert text == f"The user's consent ends on 2028-01-15 (UTC), however often it was renewed. {REMEDY}"
    assert warned(3600) == []
    assert len(warned(1.1 * DAY)) == 1


def test_the_end_of_a_refresh_token_is_said_days_ahead(world: World) -> None:
    standing = world.chain().standing()
    assert standing is not None
    assert ends_soon(standing, world.now + 4.9 * DAY) == ""
    assert ends_soon(standing, world.now + 5.1 * DAY) == "The user's token can be renewed until 2027-01-22 (UTC) only."
