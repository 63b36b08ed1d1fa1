"""One user's tokens used by several simulated processes, with a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.http.oauth import TokenPair
from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.coordination.oauth.record import UserRecord, UserRecords
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenStore

DAY = 86400.0
NAME = "feishu|https://open.feishu.cn|cli_x|user|feishu_user"
REMEDY = "Run airflow meetings authorize feishu_user."


class Platform:
    """Renew numbered tokens, each of which works once; record what is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.error: BaseException | None = None
        self.refresh_seconds = 7 * DAY

    def tokens(self, number: int) -> TokenPair:
        return TokenPair(f"access-{number}", 7200, f"refresh-{number}", self.refresh_seconds, "a b")

    def renew(self, refresh_token: str) -> TokenPair:
        self.sent.append(refresh_token)
        if self.error is not None:
            raise self.error
        number = int(refresh_token.rpartition("-")[2])
        assert self.sent.count(refresh_token) == 1
        return self.tokens(number + 1)


class FailingBackend(HostBackend):
    """Files on a disk that fails for some writes of the record."""

    fails: Callable[[], bool] = staticmethod(lambda: False)

    def compare_and_set(self, key: str, old: bytes | None, new: bytes) -> bool:
        if self.fails():
            raise BackendError("the disk is full")
        return super().compare_and_set(key, old, new)


class OAuthFixture:
    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000.0
        self.steady = 50_000.0
        self.platform = Platform()
        self.backend = FailingBackend(folder)
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.steady += seconds
        self.pauses.append(seconds)

    def process(self) -> ProcessTokenStore:
        """Return the memory of another process."""
        return ProcessTokenStore(lambda: self.now)

    def store(
        self, secret: str = "the-secret", memory: ProcessTokenStore | None = None, **changes: Any
    ) -> UserTokenStore:
        """Return the tokens as a new hook has them, in another process or in the one with that memory."""
        arguments: dict[str, Any] = {"pause": self.pause, **changes}
        return UserTokenStore(
            self.backend,
            name=NAME,
            secret=secret,
            memory=self.process() if memory is None else memory,
            consent_seconds=365 * 86400.0,
            remedy=REMEDY,
            clock=lambda: self.now,
            sleep=self.pause,
            steady=lambda: self.steady,
            **arguments,
        )

    def token(self, memory: ProcessTokenStore | None = None, **changes: Any) -> str:
        """Return a token in another process, or in the one with that memory."""
        return self.store(memory=memory).token(self.platform.renew, **changes).value

    def error(self) -> MeetingsApiError:
        """Return the error of another process."""
        with pytest.raises(MeetingsApiError) as caught:
            self.token()
        return caught.value

    @property
    def records(self) -> UserRecords:
        return UserRecords(self.backend, NAME, "the-secret", REMEDY)

    def change_record(self, change: Callable[[UserRecord], UserRecord]) -> None:
        """Replace the record as another process would."""
        value, record = self.records.read()
        assert self.records.compare_and_set(value, self.records.encrypt(change(record)))
