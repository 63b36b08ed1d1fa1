"""Emulators on real sockets, with a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    FEISHU_USER_REFRESH_TOKEN,
    FEISHU_USER_TOKEN,
    WECOM_CORP_ID,
    WECOM_CORP_SECRET,
)
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState


class Clock:
    """A clock in seconds since the epoch."""

    def __init__(self) -> None:
        self.now = 1_794_700_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Emulator:
    """A running emulator and a client of both APIs."""

    url: str
    state: EmulatorState
    clock: Clock
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **arguments: Any) -> requests.Response:
        return self.session.get(self.url + path, **arguments)

    def post(self, path: str, body: Any = None, **arguments: Any) -> requests.Response:
        return self.session.post(self.url + path, json=body, **arguments)

    def control(self, name: str, body: Any = None) -> requests.Response:
        return self.post(f"/_emulator/{name}", body)

    def feishu_token(self) -> str:
        credentials = {"app_id": FEISHU_APP_ID, "app_secret": FEISHU_APP_SECRET}
        return str(
            self.post("/open-apis/auth/v3/tenant_access_token/internal", credentials).json()["tenant_access_token"]
        )

    def wecom_token(self) -> str:
        credentials = {"corpid": WECOM_CORP_ID, "corpsecret": WECOM_CORP_SECRET}
        return str(self.get("/cgi-bin/gettoken", params=credentials).json()["access_token"])

    def feishu(self, path: str, token: str | None = None, **params: str) -> requests.Response:
        """Send a GET request with `token`, or with a tenant token."""
        headers = {"Authorization": f"Bearer {token or self.feishu_token()}"}
        return self.get(f"/open-apis{path}", params=params, headers=headers)

    def feishu_user(self, path: str, body: Any, token: str = FEISHU_USER_TOKEN, **params: str) -> requests.Response:
        """Send a POST request with a user's token."""
        return self.post(f"/open-apis{path}", body, params=params, headers={"Authorization": f"Bearer {token}"})

    def refresh(self, timeout: float | None = None, **changes: Any) -> dict[str, Any]:
        """Refresh the user's token."""
        body = {
            "grant_type": "refresh_token", "client_id": FEISHU_APP_ID, "client_secret": FEISHU_APP_SECRET,
            "refresh_token": FEISHU_USER_REFRESH_TOKEN,
        }  # fmt: skip
        return dict(self.post("/open-apis/authen/v2/oauth/token", {**body, **changes}, timeout=timeout).json())

    def media_link(self, minute_token: str) -> str:
        return str(self.feishu(f"/minutes/v1/minutes/{minute_token}/media").json()["data"]["download_url"])

    def wecom(self, path: str, body: Any) -> dict[str, Any]:
        response = self.post(f"/cgi-bin/meeting/record/{path}", body, params={"access_token": self.wecom_token()})
        assert response.status_code == 200
        return dict(response.json())


Start = Callable[..., Emulator]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts an emulator whose state has the given arguments."""
    with ExitStack() as stack:

        def start(**arguments: Any) -> Emulator:
            clock = Clock()
            state = EmulatorState(**{"clock": clock, **arguments})
            emulator = Emulator(stack.enter_context(serve(state)), state, clock)
            stack.callback(emulator.session.close)
            return emulator

        yield start


@pytest.fixture
def emulator(start: Start) -> Emulator:
    return start()
