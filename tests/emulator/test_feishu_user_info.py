from __future__ import annotations

from typing import Any

import requests

from airflow_provider_meetings.emulator.seed import credentials

BODY = {
    "grant_type": "refresh_token",
    "client_id": credentials.FEISHU_APP_ID, "client_secret": credentials.FEISHU_APP_SECRET,
    "refresh_token": credentials.FEISHU_USER_REFRESH_TOKEN, "scope": "vc:record:readonly",
}  # fmt: skip


def ask(emulator: Any, token: str) -> dict[str, Any]:
    url = f"{emulator.url}/open-apis/authen/v1/user_info"
    return dict(requests.get(url, headers={"Authorization": f"Bearer {token}"}).json())


def test_whose_token_it_is(emulator: Any) -> None:
    data = ask(emulator, credentials.FEISHU_USER_TOKEN)["data"]
    user = credentials.FEISHU_USER
    assert (data["open_id"], data["union_id"], data["user_id"]) == (user.open_id, user.union_id, user.user_id)
    assert (data["name"], data["tenant_key"]) == (user.name, credentials.FEISHU_TENANT_KEY)


def test_the_user_id_needs_a_scope_and_nothing_else_does(emulator: Any) -> None:
    url = f"{emulator.url}/open-apis/authen/v2/oauth/token"
    narrow = requests.post(url, json=BODY).json()["access_token"]
    data = ask(emulator, narrow)["data"]
    assert data["open_id"] == credentials.FEISHU_USER.open_id
    assert "user_id" not in data


def test_an_app_is_no_user(emulator: Any) -> None:
    assert ask(emulator, emulator.feishu_token())["code"] == 99991663
