from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed import feishu as seed

MINUTES = "/minutes/v1/minutes/search"


def test_tenant_token_is_refused(emulator: Any) -> None:
    response = emulator.feishu_user(MINUTES, {}, emulator.feishu_token())
    assert (response.status_code, response.json()["code"]) == (400, 99991663)


def test_minutes_in_pages(emulator: Any) -> None:
    first = emulator.feishu_user(MINUTES, {}, page_size="2").json()["data"]
    assert first["total"] == 4
    assert [item["token"] for item in first["items"]] == [seed.PROCESSING_MINUTE, seed.ENGLISH_MINUTE]
    # Page parameters in the body are ignored: a client that sends them there gets the first page again.
    body = {"page_size": 1, "page_token": first["page_token"]}
    assert emulator.feishu_user(MINUTES, body, page_size="2").json()["data"] == first
    second = emulator.feishu_user(MINUTES, {}, page_size="2", page_token=first["page_token"]).json()["data"]
    assert [item["token"] for item in second["items"]] == [seed.READY_MINUTE, seed.AUDIO_ONLY_MINUTE]
    assert (second["has_more"], "page_token" in second) == (False, False)
    other = emulator.feishu_user(MINUTES, {"filter": {"owner_ids": ["x"]}}, page_token=first["page_token"])
    assert other.json()["code"] == 2094005


def test_filters_of_minutes(emulator: Any) -> None:
    def found(**body: Any) -> list[str]:
        return [item["token"] for item in emulator.feishu_user(MINUTES, body).json()["data"]["items"]]

    assert found(filter={"owner_ids": [seed.ZHAO_MIN.open_id]}) == [seed.AUDIO_ONLY_MINUTE]
    created = {"start_time": "2026-11-01T00:00:00+08:00", "end_time": "2026-11-11T00:00:00+08:00"}
    assert found(filter={"create_time": created}) == [seed.READY_MINUTE]


@pytest.mark.parametrize(
    ("minutes_filter", "params"),
    [
        ({"owner_ids": "x"}, {}),
        ([7], {}),
        ({"create_time": {"start_time": "2026-11-01T00:00:00"}}, {}),
        ({}, {"page_size": "31"}),
    ],
    ids=["type of ids", "type of filter", "time", "page size"],
)
def test_bad_parameters(emulator: Any, minutes_filter: Any, params: dict[str, str]) -> None:
    response = emulator.feishu_user(MINUTES, {"filter": minutes_filter}, **params)
    assert (response.status_code, response.json()["code"]) == (400, 99992402)
