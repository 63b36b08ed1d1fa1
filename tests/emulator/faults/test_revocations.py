"""Tokens that become invalid after a given request."""

from __future__ import annotations

from typing import Any

import requests

from airflow_provider_meetings.emulator.seed.credentials import FEISHU_USER_TOKEN
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE

MINUTE = f"/minutes/v1/minutes/{READY_MINUTE}"
SEARCH = "/minutes/v1/minutes/search"


def codes(emulator: Any, *tokens: str) -> list[int]:
    return [emulator.feishu(MINUTE, token).json()["code"] for token in tokens]


def test_revocation_between_two_pages(emulator: Any) -> None:
    emulator.state.revoke_after("feishu.minutes_search")
    first = emulator.feishu_user(SEARCH, {}, page_size="1").json()
    assert first["data"]["has_more"]
    second = emulator.feishu_user(SEARCH, {}, page_size="1", page_token=first["data"]["page_token"])
    assert second.json()["code"] == 99991668


def test_revocation_after_link(emulator: Any) -> None:
    token = emulator.feishu_token()
    emulator.state.revoke_after("feishu.minute_media", 2)
    answers = [emulator.feishu(f"{MINUTE}/media", token).json() for _ in range(3)]
    assert [answer["code"] for answer in answers] == [0, 0, 99991663]
    # The link needs no token.
    assert requests.get(answers[1]["data"]["download_url"]).status_code == 200


def test_revocation_of_one_token_over_http(emulator: Any) -> None:
    token = emulator.feishu_token()
    body = {"endpoint": "feishu.*", "requests": 2, "token": token}
    assert emulator.control("revoke", body).json() == {"endpoint": "feishu.*", "left": 2, "token": token}
    assert emulator.get("/_emulator/").json()["revocations"][0]["left"] == 2
    assert codes(emulator, token, token, token, FEISHU_USER_TOKEN) == [0, 0, 99991663, 0]
    assert emulator.get("/_emulator/").json()["revocations"] == []


def test_revocation_of_revoked_token(emulator: Any) -> None:
    token = emulator.feishu_token()
    emulator.state.revoke_after("feishu.minute", 1, token)
    emulator.state.revoke_tokens(token)
    assert codes(emulator, token, FEISHU_USER_TOKEN) == [99991663, 0]


def test_reset_removes_revocations(emulator: Any) -> None:
    emulator.state.revoke_after("feishu.minute")
    emulator.state.reset()
    token = emulator.feishu_token()
    assert codes(emulator, token, token) == [0, 0]
