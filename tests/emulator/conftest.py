"""One emulator per test, on a real socket, with a clock that only the test moves."""

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
    FEISHU_USER_TOKEN,
    WECOM_CORP_ID,
    WECOM_CORP_SECRET,
)
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

TENANT_PATH = "/open-apis/auth/v3/tenant_access_token/internal"


class Clock:
    """A clock in seconds since the epoch."""

    def __init__(self) -> None:
        self.now = 1_794_700_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Emulator:
    """A running emulator and a client that signs its requests as each vendor wants."""

    url: str
    state: EmulatorState
    clock: Clock
    session: requests.Session = field(default_factory=requests.Session)

    def feishu_token(self) -> str:
        credentials = {"app_id": FEISHU_APP_ID, "app_secret": FEISHU_APP_SECRET}
        return str(self.session.post(self.url + TENANT_PATH, json=credentials).json()["tenant_access_token"])

    def wecom_token(self) -> str:
        credentials = {"corpid": WECOM_CORP_ID, "corpsecret": WECOM_CORP_SECRET}
        return str(self.session.get(f"{self.url}/cgi-bin/gettoken", params=credentials).json()["access_token"])

    def feishu(self, path: str, **params: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.feishu_token()}"}
        return self.session.get(f"{self.url}/open-apis{path}", params=params, headers=headers)

    def feishu_user(self, path: str, body: Any, **params: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {FEISHU_USER_TOKEN}"}
        return self.session.post(f"{self.url}/open-apis{path}", params=params, headers=headers, json=body)

    def wecom(self, path: str, body: Any) -> dict[str, Any]:
        return self.wecom_post(f"record/{path}", body)

    def wecom_post(self, path: str, body: Any) -> dict[str, Any]:
        url = f"{self.url}/cgi-bin/meeting/{path}"
        response = self.session.post(url, params={"access_token": self.wecom_token()}, json=body)
        assert response.status_code == 200
        return dict(response.json())


Start = Callable[..., Emulator]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start emulators whose state takes the given arguments; stop them after the test."""
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
