"""Two clouds, which know nothing of each other."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed import feishu as seed_feishu
from airflow_provider_meetings.emulator.seed.credentials import APPS

TENANT = "/open-apis/auth/v3/tenant_access_token/internal"
MINUTE = f"/open-apis/minutes/v1/minutes/{seed_feishu.ENGLISH_MINUTE}"
FEISHU = {"app_id": credentials.FEISHU_APP_ID, "app_secret": credentials.FEISHU_APP_SECRET}
LARK = {"app_id": credentials.LARK_APP_ID, "app_secret": credentials.LARK_APP_SECRET}


def test_each_cloud_has_one_app_of_each_kind() -> None:
    assert sorted((app.cloud, app.store) for app in APPS) == [
        ("feishu", False), ("feishu", True), ("lark", False), ("lark", True),
    ]  # fmt: skip
    assert len({app.app_id for app in APPS}) == len({app.secret for app in APPS}) == 4


@pytest.mark.parametrize(("cloud", "own", "other"), [("feishu", FEISHU, LARK), ("lark", LARK, FEISHU)])
def test_an_app_of_the_other_cloud_is_unknown(start: Any, cloud: str, own: Any, other: Any) -> None:
    emulator = start(cloud=cloud)
    assert requests.post(emulator.url + TENANT, json=own).json()["code"] == 0
    assert requests.post(emulator.url + TENANT, json=other).json() == {"code": 10003, "msg": "invalid param"}
    body = {
        "grant_type": "refresh_token", "client_id": other["app_id"], "client_secret": other["app_secret"],
        "refresh_token": credentials.FEISHU_USER_REFRESH_TOKEN,
    }  # fmt: skip
    url = f"{emulator.url}/open-apis/authen/v2/oauth/token"
    assert requests.post(url, json=body).json()["code"] == 20048
    body |= {"client_id": own["app_id"], "client_secret": own["app_secret"]}
    assert requests.post(url, json=body).json()["code"] == 0


def test_a_token_of_the_other_cloud_is_void(start: Any) -> None:
    feishu, lark = start(), start(cloud="lark")
    token = feishu.feishu_token()
    answer = requests.get(lark.url + MINUTE, headers={"Authorization": f"Bearer {token}"}).json()
    assert answer["code"] == 99991663


def test_addresses_of_pages_are_the_clouds_own(start: Any) -> None:
    for cloud, domain in (("feishu", "feishu.cn"), ("lark", "larksuite.com")):
        emulator = start(cloud=cloud)
        headers = {"Authorization": f"Bearer {credentials.FEISHU_USER_TOKEN}"}
        path = f"/open-apis/vc/v1/meetings/{seed_feishu.READY_MEETING}/recording"
        url = requests.get(emulator.url + path, headers=headers).json()["data"]["recording"]["url"]
        assert url == f"https://meetings.{domain}/minutes/{seed_feishu.READY_MINUTE}"
        page = requests.get(emulator.url + MINUTE, headers=headers).json()["data"]["minute"]["url"]
        assert page.startswith(f"https://sample.{domain}/minutes/")
