from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    FEISHU_STORE_APP_ID,
    FEISHU_STORE_APP_SECRET,
    WECOM_CORP_ID,
    WECOM_CORP_SECRET,
)
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE

TENANT_PATH = "/open-apis/auth/v3/tenant_access_token/internal"
RECORD_LIST = "/cgi-bin/meeting/record/list"
APP = {"app_id": FEISHU_APP_ID, "app_secret": FEISHU_APP_SECRET}
CORP = {"corpid": WECOM_CORP_ID, "corpsecret": WECOM_CORP_SECRET}
MINUTE = f"/minutes/v1/minutes/{READY_MINUTE}"


def tenant(emulator: Any, **changes: str) -> dict[str, Any]:
    return dict(emulator.post(TENANT_PATH, APP | changes).json())


def gettoken(emulator: Any, **changes: str) -> Any:
    return emulator.get("/cgi-bin/gettoken", params=CORP | changes).json()


def errcode(emulator: Any, **params: str) -> Any:
    return emulator.post(RECORD_LIST, {}, params=params).json()["errcode"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_tenant_token_is_flat_and_has_log_id(emulator: Any, slash: str) -> None:
    response = emulator.post(TENANT_PATH + slash, APP)
    assert response.status_code == 200
    assert response.headers["X-Tt-Logid"]
    answer = response.json()
    assert answer.keys() == {"code", "msg", "tenant_access_token", "expire"}
    assert answer["tenant_access_token"].startswith("t-")
    assert answer["expire"] == 7200


def test_new_tenant_token_below_30_minutes_leaves_old_one_valid(emulator: Any) -> None:
    first = tenant(emulator)
    emulator.clock.now += 7200 - 1800
    assert tenant(emulator) == first | {"expire": 1800}
    emulator.clock.now += 1
    second = tenant(emulator)
    assert second["tenant_access_token"] != first["tenant_access_token"]
    assert second["expire"] == 7200
    tokens = [answer["tenant_access_token"] for answer in (first, second)]
    assert [emulator.feishu(MINUTE, token).json()["code"] for token in tokens] == [0, 0]
    emulator.clock.now += 1799
    assert [emulator.feishu(MINUTE, token).json()["code"] for token in tokens] == [99991663, 0]


def test_tenant_token_with_short_lifetime_is_always_new(start: Any) -> None:
    emulator = start(token_seconds=60)
    first, second = tenant(emulator), tenant(emulator)
    assert first["expire"] == second["expire"] == 60
    assert first["tenant_access_token"] != second["tenant_access_token"]


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"app_id": "cli_other"}, {"code": 10003, "msg": "invalid param"}),
        ({"app_secret": "wrong"}, {"code": 10015, "msg": "wrong app secret"}),
        (
            {"app_id": FEISHU_STORE_APP_ID, "app_secret": FEISHU_STORE_APP_SECRET},
            {"code": 10014, "msg": "app unauthorized"},
        ),
    ],
    ids=["app id", "secret", "store app"],
)
def test_wrong_app(emulator: Any, changes: dict[str, str], answer: Any) -> None:
    assert tenant(emulator, **changes) == answer


@pytest.mark.parametrize("body", [b"", b"[]", b'{"app_id": "cli_x"}'])
def test_tenant_token_request_without_fields(emulator: Any, body: bytes) -> None:
    assert emulator.session.post(emulator.url + TENANT_PATH, data=body).json()["code"] == 10003


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, 99991661), ("", 99991661), ("Bearer ", 99991661), ("Basic eA==", 99991661), ("Bearer t-x", 99991663)],
)
@pytest.mark.parametrize("path", [MINUTE, "/vc/v1/meetings/1/recording", "/moments/v1/posts/1"])
def test_feishu_token_is_checked_first(emulator: Any, header: str | None, code: int, path: str) -> None:
    response = emulator.get(f"/open-apis{path}", headers={} if header is None else {"Authorization": header})
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
    ("changes", "code"),
    [({"corpid": "x"}, 40013), ({"corpsecret": "x"}, 40001), ({"corpid": ""}, 41002), ({"corpsecret": ""}, 41004)],
)
def test_wrong_corp(emulator: Any, changes: dict[str, str], code: int) -> None:
    assert gettoken(emulator, **changes)["errcode"] == code


def test_wecom_token_missing_unknown_and_expired(emulator: Any) -> None:
    assert errcode(emulator) == 41001
    unknown = emulator.post(RECORD_LIST, {}, params={"access_token": "x"}).json()
    assert unknown["errcode"] == 40014
    assert "hint: [" in unknown["errmsg"]
    assert "from ip: 127.0.0.1" in unknown["errmsg"]
    assert unknown["errmsg"].endswith("https://open.work.weixin.qq.com/devtool/query?e=40014")
    token = emulator.wecom_token()
    emulator.clock.now += 7200
    assert errcode(emulator, access_token=token) == 42001


def test_revoked_tokens_are_invalid_and_replaced(emulator: Any) -> None:
    feishu, wecom = emulator.feishu_token(), emulator.wecom_token()
    emulator.state.revoke_tokens()
    assert emulator.feishu(MINUTE, feishu).json()["code"] == 99991663
    assert errcode(emulator, access_token=wecom) == 40014
    assert emulator.feishu_token() != feishu
    assert emulator.wecom_token() != wecom


def test_all_token_requests_are_counted(emulator: Any) -> None:
    tenant(emulator)
    tenant(emulator, app_secret="wrong")
    gettoken(emulator)
    assert emulator.state.token_requests == {"feishu": 2, "wecom": 1}
