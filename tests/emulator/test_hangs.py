"""Requests that are done and not answered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

NAME = "feishu.user_access_token"
TOKEN = credentials.FEISHU_USER_REFRESH_TOKEN
BODY = {
    "grant_type": "refresh_token",
    "client_id": credentials.FEISHU_APP_ID, "client_secret": credentials.FEISHU_APP_SECRET,
    "refresh_token": TOKEN,
}  # fmt: skip


def renew(emulator: Any, timeout: float | None = None) -> dict[str, Any]:
    url = f"{emulator.url}/open-apis/authen/v2/oauth/token"
    return dict(requests.post(url, json=BODY, timeout=timeout).json())


def test_a_cut_connection_after_the_rotation(emulator: Any) -> None:
    emulator.state.hang(NAME, "cut")
    with pytest.raises(requests.ConnectionError):
        renew(emulator)
    assert emulator.state.hangs.wait(1)
    assert renew(emulator)["code"] == 20073
    assert emulator.state.consents.presented == {TOKEN: 2}


def test_who_hangs_is_answered_when_released(emulator: Any) -> None:
    emulator.state.hang(NAME)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(renew, emulator)
        assert emulator.state.hangs.wait(1)
        # It is done; only the answer has not gone out.
        assert renew(emulator)["code"] == 20073
        assert not waiting.done()
        assert emulator.state.release() == 1
        assert waiting.result(10)["code"] == 0
    assert emulator.state.release() == 0


def test_a_client_that_gives_up_has_used_its_token(emulator: Any) -> None:
    emulator.state.hang(NAME)
    with pytest.raises(requests.ReadTimeout):
        renew(emulator, timeout=0.2)
    assert renew(emulator)["code"] == 20073


def test_by_http(emulator: Any) -> None:
    control = f"{emulator.url}/_emulator"
    ordered = requests.post(f"{control}/silence", json={"endpoint": NAME, "manner": "hang"}).json()
    assert ordered == {"endpoint": NAME, "manner": "hang", "times": 1, "skip": 0, "taken": 0}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(renew, emulator)
        assert emulator.state.hangs.wait(1)
        assert requests.get(f"{control}/").json()["silences"][0]["taken"] == 1
        assert requests.post(f"{control}/release").json() == {"released": 1}
        assert waiting.result(10)["code"] == 0
    assert requests.delete(f"{control}/silence").json() == {"silences": []}
    assert requests.get(f"{control}/").json()["silences"] == []


def test_some_are_let_through_first(emulator: Any) -> None:
    path = f"/minutes/v1/minutes/{READY_MINUTE}"
    emulator.state.hang("feishu.minute", "cut", skip=1, times=2)
    assert emulator.feishu(path).status_code == 200
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            emulator.feishu(path)
    assert emulator.feishu(path).status_code == 200


def test_reset_answers_who_hangs(emulator: Any) -> None:
    emulator.state.hang(NAME, times=None)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(renew, emulator)
        assert emulator.state.hangs.wait(1)
        emulator.state.reset()
        assert waiting.result(10)["code"] == 0
    assert renew(emulator)["code"] == 0


def test_the_server_stops_while_one_hangs() -> None:
    state = EmulatorState()
    state.hang(NAME)
    with ThreadPoolExecutor(1) as pool:
        with serve(state) as url:
            waiting = pool.submit(requests.post, f"{url}/open-apis/authen/v2/oauth/token", json=BODY)
            assert state.hangs.wait(1)
        with pytest.raises(requests.ConnectionError):
            waiting.result(10)


def test_nobody_came(emulator: Any) -> None:
    assert not emulator.state.hangs.wait(1, timeout=0)
