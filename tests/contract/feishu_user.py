"""A client of the emulator's user, who has consented."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from airflow_provider_meetings.api.http.oauth import TokenPair
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenStore
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    FEISHU_USER_REFRESH_TOKEN,
    FEISHU_USER_TOKEN,
)
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.recordings import FeishuUserClient


def user_client(
    transport: Transport, clock: Callable[[], float], folder: Path, secret: str = FEISHU_APP_SECRET
) -> FeishuUserClient:
    """Return a client of the emulator's user. The user has consented for the app's right secret."""

    def store(secret: str) -> UserTokenStore:
        return UserTokenStore(
            HostBackend(folder),
            name="user",
            secret=secret,
            memory=ProcessTokenStore(clock),
            consent_seconds=365 * 86400.0,
            remedy="Run airflow meetings authorize x.",
            clock=clock,
        )

    store(FEISHU_APP_SECRET).accept(TokenPair(FEISHU_USER_TOKEN, 7200, FEISHU_USER_REFRESH_TOKEN, 86400, ""))
    return FeishuUserClient(
        transport,
        Credentials(FEISHU_APP_ID, secret, ProcessTokenStore(clock), users=store(secret)),
        clock=clock,
    )
