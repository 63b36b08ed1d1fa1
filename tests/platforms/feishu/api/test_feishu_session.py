"""Refresh a user's tokens with rate limits and with other processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_provider_meetings.api.errors import RateLimited, ServerError
from airflow_provider_meetings.api.http.oauth import TokenPair
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.coordination.oauth.record import UserRecord, UserRecords
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenStore
from airflow_provider_meetings.coordination.rate_limiter import SharedRateLimiter
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    FEISHU_USER_REFRESH_TOKEN,
    FEISHU_USER_TOKEN,
)
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.quotas import USER_TOKEN
from airflow_provider_meetings.platforms.feishu.recordings import FeishuUserClient


@dataclass
class Host:
    """An emulator and the state folder that all processes share."""

    url: str
    platform: EmulatorState
    folder: Path

    @property
    def limiter(self) -> SharedRateLimiter:
        return SharedRateLimiter(HostBackend(self.folder), ("feishu", self.url, FEISHU_APP_ID, ""))

    def process(
        self,
        sleep: Callable[[float], None] = time.sleep,
        queue_timeout: float = 60.0,
        on_secret: Callable[[str], None] = lambda value: None,
    ) -> FeishuUserClient:
        transport = Transport(
            base_url=self.url,
            platform="feishu",
            rate_limiter=self.limiter,
            sleep=sleep,
            queue_timeout=queue_timeout,
            on_secret=on_secret,
        )
        return FeishuUserClient(
            transport,
            Credentials(FEISHU_APP_ID, FEISHU_APP_SECRET, ProcessTokenStore(), users=self.store(transport)),
        )

    def store(self, transport: Transport | None = None) -> UserTokenStore:
        pause = transport.pause if transport else time.sleep
        return UserTokenStore(
            HostBackend(self.folder),
            name="user",
            secret=FEISHU_APP_SECRET,
            memory=ProcessTokenStore(),
            consent_seconds=365 * 86400.0,
            remedy="Run it.",
            pause=pause,
        )

    @property
    def record(self) -> UserRecord:
        return UserRecords(HostBackend(self.folder), "user", FEISHU_APP_SECRET, "").read()[1]

    @property
    def claimed_by(self) -> str:
        return self.record.claimed_by


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    platform = EmulatorState()
    with serve(platform) as url:
        host = Host(url, platform, tmp_path / "state")
        host.store().accept(TokenPair(FEISHU_USER_TOKEN, 0, FEISHU_USER_REFRESH_TOKEN, 86400, ""))
        yield host


def test_queued_refresh_has_no_claim(host: Host) -> None:
    host.limiter.refused(USER_TOKEN, RateLimited("blocked", retry_after=1.0))
    claims: list[str] = []

    def sleep(seconds: float) -> None:
        claims.append(host.claimed_by)
        time.sleep(seconds)

    host.process(sleep).whoami()
    assert claims == [""]
    assert host.platform.calls["feishu.user_access_token"] == 1
    assert not host.claimed_by


def test_long_queue_keeps_refresh_token(host: Host) -> None:
    host.limiter.refused(USER_TOKEN, RateLimited("blocked", retry_after=50.0))
    with pytest.raises(RateLimited, match=r"authen\.oauth_token is 50 s away"):
        host.process(queue_timeout=15).whoami()
    assert not host.claimed_by
    assert host.platform.calls["feishu.user_access_token"] == 0


def test_wait_for_other_process_stops_with_transport(host: Host) -> None:
    records = UserRecords(HostBackend(host.folder), "user", FEISHU_APP_SECRET, "")
    value, record = records.read()
    assert records.compare_and_set(value, records.encrypt(record.claimed("another.1", time.time())))
    client: FeishuUserClient = host.process(lambda seconds: client.transport.interrupt())
    with pytest.raises(ServerError, match="the task is being stopped"):
        client.whoami()


def test_token_refreshed_by_other_process_may_be_rejected_too(host: Host) -> None:
    client, other = host.process(), host.process()
    client.get_minute(READY_MINUTE)
    host.platform.revoke_tokens()
    other.get_minute(READY_MINUTE)
    host.platform.revoke_tokens()
    assert client.get_minute(READY_MINUTE).token == READY_MINUTE
    assert client.transport.caller.usage.endpoints()["minutes.get"].tokens_rejected == 2


def test_tokens_are_masked_in_calling_thread(host: Host) -> None:
    """In Airflow 3.2's triggerer, masking in an unknown thread breaks the connection to the supervisor."""
    masked: dict[str, tuple[threading.Thread, int]] = {}

    def on_secret(value: str) -> None:
        masked.setdefault(value, (threading.current_thread(), host.platform.calls["feishu.user_access_token"]))

    host.process(on_secret=on_secret).whoami()
    this_thread = threading.current_thread()
    assert masked == {
        FEISHU_USER_REFRESH_TOKEN: (this_thread, 0),
        host.record.access: (this_thread, 1),
        host.record.refresh: (this_thread, 1),
    }


def test_unusable_tokens_are_masked(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []
    refreshed: list[TokenPair] = []
    client = host.process(on_secret=masked.append)
    renew = client._renew

    def refresh_during_consent(refresh_token: str) -> TokenPair:
        refreshed.append(renew(refresh_token))
        host.store().accept(TokenPair("another-access", 7200, "another-refresh", 86400, ""))
        return refreshed[-1]

    monkeypatch.setattr(client._auth, "_renew", refresh_during_consent)
    client.whoami()
    assert {refreshed[0].access, refreshed[0].refresh, "another-access"} <= set(masked)
