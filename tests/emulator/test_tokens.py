from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE

TENANT_PATH = "/open-apis/auth/v3/tenant_access_token/internal"
RIGHT = {"app_id": credentials.FEISHU_APP_ID, "app_secret": credentials.FEISHU_APP_SECRET}


def tenant(emulator: Any, **changes: str) -> dict[str, Any]:
    return dict(requests.post(emulator.url + TENANT_PATH, json=RIGHT | changes).json())


def gettoken(
    emulator: Any, corpid: str = credentials.WECOM_CORP_ID, secret: str = credentials.WECOM_CORP_SECRET
) -> Any:
    return requests.get(f"{emulator.url}/cgi-bin/gettoken", params={"corpid": corpid, "corpsecret": secret}).json()


@pytest.mark.parametrize("slash", ["", "/"])
def test_tenant_token_is_flat_and_has_a_log_id(emulator: Any, slash: str) -> None:
    response = requests.post(emulator.url + TENANT_PATH + slash, json=RIGHT)
    assert response.status_code == 200
    assert response.headers["X-Tt-Logid"]
    answer = response.json()
    assert answer.keys() == {"code", "msg", "tenant_access_token", "expire"}
    assert answer["tenant_access_token"].startswith("t-")
    assert answer["expire"] == 7200


def test_same_tenant_token_while_30_minutes_are_left_then_both_are_valid(emulator: Any) -> None:
    first = tenant(emulator)
    emulator.clock.now += 7200 - 1800
    assert tenant(emulator) == first | {"expire": 1800}
    emulator.clock.now += 1
    second = tenant(emulator)
    assert second["tenant_access_token"] != first["tenant_access_token"]
    assert second["expire"] == 7200
    url = f"{emulator.url}/open-apis/minutes/v1/minutes/{READY_MINUTE}"
    for answer in (first, second):
        headers = {"Authorization": "Bearer " + answer["tenant_access_token"]}
        assert requests.get(url, headers=headers).json()["code"] == 0
    emulator.clock.now += 1799
    headers = {"Authorization": "Bearer " + first["tenant_access_token"]}
    assert requests.get(url, headers=headers).json()["code"] == 99991663
    headers = {"Authorization": "Bearer " + second["tenant_access_token"]}
    assert requests.get(url, headers=headers).json()["code"] == 0


def test_token_shorter_than_30_minutes_is_always_new(start: Any) -> None:
    emulator = start(token_seconds=60)
    first, second = tenant(emulator), tenant(emulator)
    assert first["expire"] == second["expire"] == 60
    assert first["tenant_access_token"] != second["tenant_access_token"]


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"app_id": "cli_other"}, {"code": 10003, "msg": "invalid param"}),
        ({"app_secret": "wrong"}, {"code": 10015, "msg": "wrong app secret"}),
        # A store app has another way to its tokens.
        (
            {"app_id": credentials.FEISHU_STORE_APP_ID, "app_secret": credentials.FEISHU_STORE_APP_SECRET},
            {"code": 10014, "msg": "app unauthorized"},
        ),
    ],
)
def test_wrong_app(emulator: Any, changes: dict[str, str], answer: Any) -> None:
    assert tenant(emulator, **changes) == answer


@pytest.mark.parametrize("body", [b"", b"[]", b'{"app_id": "cli_x"}'])
def test_token_request_without_its_fields(emulator: Any, body: bytes) -> None:
    assert requests.post(emulator.url + TENANT_PATH, data=body).json()["code"] == 10003


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, 99991661), ("", 99991661), ("Bearer ", 99991661), ("Basic eA==", 99991661), ("Bearer t-x", 99991663)],
)
@pytest.mark.parametrize(
    "path", [f"minutes/v1/minutes/{READY_MINUTE}", "vc/v1/meetings/1/recording", "moments/v1/posts/1"]
)
def test_feishu_bearer_is_checked_first(emulator: Any, header: str | None, code: int, path: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = requests.get(f"{emulator.url}/open-apis/{path}", headers=headers)
    assert response.status_code == 400
    answer = response.json()
    assert answer["code"] == code
    assert answer["error"].keys() == {"log_id", "troubleshooter"}
    assert answer["error"]["log_id"] == response.headers["X-Tt-Logid"]
    assert answer["error"]["troubleshooter"].endswith(f"log_id={answer['error']['log_id']}&code={code}")


def test_wecom_token_is_the_same_until_it_expires(emulator: Any) -> None:
    first = gettoken(emulator)
    assert first == {"errcode": 0, "errmsg": "ok", "access_token": first["access_token"], "expires_in": 7200}
    emulator.clock.now += 7199
    assert gettoken(emulator) == first | {"expires_in": 1}
    emulator.clock.now += 1
    assert gettoken(emulator)["access_token"] != first["access_token"]


@pytest.mark.parametrize(
    ("corpid", "secret", "errcode"), [("ww_x", "x", 40013), (credentials.WECOM_CORP_ID, "x", 40001), ("", "x", 41002)]
)
def test_wrong_corp(emulator: Any, corpid: str, secret: str, errcode: int) -> None:
    assert gettoken(emulator, corpid, secret)["errcode"] == errcode


def test_missing_corp_secret(emulator: Any) -> None:
    answer = requests.get(f"{emulator.url}/cgi-bin/gettoken", params={"corpid": credentials.WECOM_CORP_ID}).json()
    assert answer["errcode"] == 41004


def test_wecom_token_missing_unknown_and_expired(emulator: Any) -> None:
    url = f"{emulator.url}/cgi-bin/meeting/record/list"
    assert requests.post(url, json={}).json()["errcode"] == 41001
    unknown = requests.post(url, params={"access_token": "x"}, json={}).json()
    assert unknown["errcode"] == 40014
    assert "hint: [" in unknown["errmsg"]
    assert "from ip: 127.0.0.1" in unknown["errmsg"]
    assert unknown["errmsg"].endswith("https://open.work.weixin.qq.com/devtool/query?e=40014")
    token = emulator.wecom_token()
    emulator.clock.now += 7200
    assert requests.post(url, params={"access_token": token}, json={}).json()["errcode"] == 42001


def test_revoked_tokens_are_invalid_and_replaced(emulator: Any) -> None:
    feishu, wecom = emulator.feishu_token(), emulator.wecom_token()
    emulator.state.revoke_tokens()
    url = f"{emulator.url}/open-apis/minutes/v1/minutes/{READY_MINUTE}"
    assert requests.get(url, headers={"Authorization": f"Bearer {feishu}"}).json()["code"] == 99991663
    url = f"{emulator.url}/cgi-bin/meeting/record/list"
    assert requests.post(url, params={"access_token": wecom}, json={}).json()["errcode"] == 40014
    assert emulator.feishu_token() != feishu
    assert emulator.wecom_token() != wecom


def test_token_requests_are_counted_granted_or_not(emulator: Any) -> None:
    tenant(emulator)
    tenant(emulator, app_secret="wrong")
    gettoken(emulator)
    assert emulator.state.token_requests == {"feishu": 2, "wecom": 1}
