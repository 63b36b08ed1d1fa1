"""The apps and tokens of the two clouds, Feishu and Lark."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed.feishu import ENGLISH_MINUTE, READY_MEETING, READY_MINUTE

TENANT = "/open-apis/auth/v3/tenant_access_token/internal"
MINUTE = f"/minutes/v1/minutes/{ENGLISH_MINUTE}"
FEISHU = {"app_id": credentials.FEISHU_APP_ID, "app_secret": credentials.FEISHU_APP_SECRET}
LARK = {"app_id": credentials.LARK_APP_ID, "app_secret": credentials.LARK_APP_SECRET}


def test_each_cloud_has_one_app_of_each_kind() -> None:
    assert sorted((app.cloud, app.store) for app in credentials.APPS) == [
        ("feishu", False), ("feishu", True), ("lark", False), ("lark", True),
    ]  # fmt: skip
    assert len({app.app_id for app in credentials.APPS}) == len({app.secret for app in credentials.APPS}) == 4


@pytest.mark.parametrize(("cloud", "own", "other"), [("feishu", FEISHU, LARK), ("lark", LARK, FEISHU)])
def test_app_of_other_cloud_is_unknown(start: Any, cloud: str, own: Any, other: Any) -> None:
    emulator = start(cloud=cloud)
    assert emulator.post(TENANT, own).json()["code"] == 0
    assert emulator.post(TENANT, other).json() == {"code": 10003, "msg": "invalid param"}
    assert emulator.refresh(client_id=other["app_id"], client_secret=other["app_secret"])["code"] == 20048
    assert emulator.refresh(client_id=own["app_id"], client_secret=own["app_secret"])["code"] == 0


def test_token_of_other_cloud_is_invalid(start: Any) -> None:
    feishu, lark = start(), start(cloud="lark")
    assert lark.feishu(MINUTE, feishu.feishu_token()).json()["code"] == 99991663


@pytest.mark.parametrize(("cloud", "domain"), [("feishu", "feishu.cn"), ("lark", "larksuite.com")])
def test_urls_of_pages_have_the_domain_of_the_cloud(start: Any, cloud: str, domain: str) -> None:
    emulator, token = start(cloud=cloud), credentials.FEISHU_USER_TOKEN
    recording = emulator.feishu(f"/vc/v1/meetings/{READY_MEETING}/recording", token).json()["data"]["recording"]
    assert recording["url"] == f"https://meetings.{domain}/minutes/{READY_MINUTE}"
    minute = emulator.feishu(MINUTE, token).json()["data"]["minute"]
    assert minute["url"].startswith(f"https://sample.{domain}/minutes/")
