"""One user's chain in the hands of several processes that are played by one, with a clock that a test sets."""

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
from airflow_provider_meetings.coordination.oauth.process_state import Notices
from airflow_provider_meetings.coordination.oauth.record import UserRecord, UserRecords
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenChain

DAY = 86400.0
NAME = "feishu|https://open.feishu.cn|cli_x|user|feishu_user"
REMEDY = "Run airflow meetings authorize feishu_user."


class Platform:
    """Renews a row of tokens, each of which works once; counts what it is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.error: BaseException | None = None
        self.refresh_seconds = 7 * DAY

    def grant(self, number: int) -> TokenPair:
        return TokenPair(f"access-{number}", 7200, f"refresh-{number}", self.refresh_seconds, "a b")

    def renew(self, refresh_token: str) -> TokenPair:
        self.sent.append(refresh_token)
        if self.error is not None:
            raise self.error
        number = int(refresh_token.rpartition("-")[2])
        assert self.sent.count(refresh_token) == 1
        return self.grant(number + 1)


class FailingBackend(HostBackend):
    """Files on a disk that fails for some swaps."""

    fails: Callable[[], bool] = staticmethod(lambda: False)

    def compare_and_set(self, key: str, old: bytes | None, new: bytes) -> bool:
        if self.fails():
            raise BackendError("the disk is full, make room")
        return super().compare_and_set(key, old, new)


class OAuthFixture:
    def __init__(self, folder: Path) -> None:
        self.now = 1_800_000_000.0
        self.steady = 50_000.0
        self.platform = Platform()
        self.backend = FailingBackend(folder)
        self.pauses: list[float] = []
        self.said: dict[tuple[int, str], float] = {}

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.steady += seconds
        self.pauses.append(seconds)

    def process(self) -> ProcessTokenStore:
        """Return the memory of another process."""
        return ProcessTokenStore(lambda: self.now)

    def chain(
        self, secret: str = "the-secret", memory: ProcessTokenStore | None = None, **changes: Any
    ) -> UserTokenChain:
        """Return a chain as a new hook has it: of another process, or of the one with that memory."""
        given: dict[str, Any] = {"pause": self.pause, **changes}
        return UserTokenChain(
            self.backend,
            name=NAME,
            secret=secret,
            memory=self.process() if memory is None else memory,
            remedy=REMEDY,
            clock=lambda: self.now,
            sleep=self.pause,
            steady=lambda: self.steady,
            notices=Notices(REMEDY, lambda: self.now, self.said),
            **given,
        )

    def ask(self, **changes: Any) -> str:
        return self.chain().token(self.platform.renew, **changes).value

    def refused(self) -> MeetingsApiError:
        with pytest.raises(MeetingsApiError) as caught:
            self.ask()
        return caught.value

    @property
    def records(self) -> UserRecords:
        return UserRecords(self.backend, NAME, "the-secret", REMEDY)

    def change(self, change: Callable[[UserRecord], UserRecord]) -> None:
        """Write into the record as another process would."""
        value, record = self.records.read()
        assert self.records.compare_and_set(value, self.records.sealed(change(record)))
