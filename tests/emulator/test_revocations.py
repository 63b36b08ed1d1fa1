"""Tokens that become void at a given request."""

from __future__ import annotations

from typing import Any

import requests

from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed import feishu as seed_feishu

MINUTE = f"/minutes/v1/minutes/{seed_feishu.READY_MINUTE}"
SEARCH = "/minutes/v1/minutes/search"


def get(emulator: Any, token: str, path: str = MINUTE) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{emulator.url}/open-apis{path}", headers=headers).json()


def test_between_two_pages(emulator: Any) -> None:
    emulator.state.revoke_after("feishu.minutes_search")
    first = emulator.feishu_user(SEARCH, {}, page_size="1").json()
    assert first["data"]["has_more"]
    second = emulator.feishu_user(SEARCH, {}, page_size="1", page_token=first["data"]["page_token"])
    assert second.json()["code"] == 99991668


def test_between_the_link_and_the_next_request(emulator: Any) -> None:
    token = emulator.feishu_token()
    emulator.state.revoke_after("feishu.minute_media", 2)
    answers = [get(emulator, token, f"{MINUTE}/media") for _ in range(3)]
    assert [answer["code"] for answer in answers] == [0, 0, 99991663]
    # The address holds its own credential.
    assert requests.get(answers[1]["data"]["download_url"]).status_code == 200


def test_one_token_alone_by_http(emulator: Any) -> None:
    token = emulator.feishu_token()
    url = f"{emulator.url}/_emulator/revoke"
    order = {"endpoint": "feishu.*", "requests": 2, "token": token}
    assert requests.post(url, json=order).json() == {"endpoint": "feishu.*", "left": 2, "token": token}
    assert requests.get(f"{emulator.url}/_emulator/").json()["revocations"][0]["left"] == 2
    codes = [get(emulator, one)["code"] for one in (token, token, token, credentials.FEISHU_USER_TOKEN)]
    assert codes == [0, 0, 99991663, 0]
    assert requests.get(f"{emulator.url}/_emulator/").json()["revocations"] == []


def test_a_token_that_is_gone_by_then_is_no_fault(emulator: Any) -> None:
    token = emulator.feishu_token()
    emulator.state.revoke_after("feishu.minute", 1, token)
    emulator.state.revoke_tokens(token)
    assert get(emulator, token)["code"] == 99991663
    assert get(emulator, credentials.FEISHU_USER_TOKEN)["code"] == 0


def test_reset_forgets(emulator: Any) -> None:
    emulator.state.revoke_after("feishu.minute")
    emulator.state.reset()
    token = emulator.feishu_token()
    assert [get(emulator, token)["code"] for _ in range(2)] == [0, 0]
