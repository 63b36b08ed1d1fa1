"""Requests that are processed and get no response."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.seed.credentials import FEISHU_USER_REFRESH_TOKEN
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

NAME = "feishu.user_access_token"


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_cut_connection_after_token_rotation(emulator: Any) -> None:
    emulator.state.hang(NAME, "cut")
    with pytest.raises(requests.ConnectionError):
        emulator.refresh()
    assert emulator.state.hangs.wait(1)
    assert emulator.refresh()["code"] == 20073
    assert emulator.state.consents.presented == {FEISHU_USER_REFRESH_TOKEN: 2}


def test_release_sends_response(emulator: Any, pool: Executor) -> None:
    emulator.state.hang(NAME)
    waiting = pool.submit(emulator.refresh)
    assert emulator.state.hangs.wait(1)
    # The refresh token is used already; only the response is missing.
    assert emulator.refresh()["code"] == 20073
    assert not waiting.done()
    assert emulator.state.release() == 1
    assert waiting.result(10)["code"] == 0
    assert emulator.state.release() == 0


def test_client_timeout_uses_token(emulator: Any) -> None:
    emulator.state.hang(NAME)
    with pytest.raises(requests.ReadTimeout):
        emulator.refresh(timeout=0.2)
    assert emulator.refresh()["code"] == 20073


def test_skip_and_times(emulator: Any) -> None:
    path = f"/minutes/v1/minutes/{READY_MINUTE}"
    emulator.state.hang("feishu.minute", "cut", skip=1, times=2)
    assert emulator.feishu(path).status_code == 200
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            emulator.feishu(path)
    assert emulator.feishu(path).status_code == 200


def test_reset_releases_requests(emulator: Any, pool: Executor) -> None:
    emulator.state.hang(NAME, times=None)
    waiting = pool.submit(emulator.refresh)
    assert emulator.state.hangs.wait(1)
    emulator.state.reset()
    assert waiting.result(10)["code"] == 0
    assert emulator.refresh()["code"] == 0


def test_server_stops_during_hang(pool: Executor) -> None:
    state = EmulatorState()
    state.hang("feishu.user_access_token")
    with serve(state) as url:
        waiting = pool.submit(requests.post, f"{url}/open-apis/authen/v2/oauth/token", json={})
        assert state.hangs.wait(1)
    with pytest.raises(requests.ConnectionError):
        waiting.result(10)


def test_wait_times_out(emulator: Any) -> None:
    assert not emulator.state.hangs.wait(1, timeout=0)
