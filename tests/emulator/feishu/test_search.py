from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed import feishu as seed

MINUTES = "/minutes/v1/minutes/search"
MEETINGS = "/vc/v1/meetings/search"


@pytest.mark.parametrize("path", [MINUTES, MEETINGS])
def test_tenant_token_is_refused(emulator: Any, path: str) -> None:
    response = emulator.feishu_user(path, {}, emulator.feishu_token())
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
    other = emulator.feishu_user(MINUTES, {"query": "x"}, page_token=first["page_token"])
    assert other.json()["code"] == 2094005


def test_filters_of_minutes(emulator: Any) -> None:
    def found(**body: Any) -> list[str]:
        return [item["token"] for item in emulator.feishu_user(MINUTES, body).json()["data"]["items"]]

    assert found(query="Sprint") == [seed.ENGLISH_MINUTE]
    assert found(filter={"owner_ids": [seed.ZHAO_MIN.open_id]}) == [seed.AUDIO_ONLY_MINUTE]
    created = {"start_time": "2026-11-01T00:00:00+08:00", "end_time": "2026-11-11T00:00:00+08:00"}
    assert found(filter={"create_time": created}) == [seed.READY_MINUTE]


def test_filters_of_meetings(emulator: Any) -> None:
    data = emulator.feishu_user(MEETINGS, {"query": "Sprint"}).json()["data"]
    assert [item["id"] for item in data["items"]] == [
        seed.ENGLISH_MEETING, seed.SPRINT_41_MEETING, seed.SPRINT_40_MEETING,
    ]  # fmt: skip
    assert data["items"][0].keys() == {"id", "display_info", "meta_data"}
    filters: list[tuple[Any, int]] = [
        ({"organizer_ids": [seed.ZHAO_MIN.open_id]}, 3),
        ({"start_time": {"start_time": "2026-11-13T17:00:00+08:00"}}, 1),
    ]
    for meeting_filter, total in filters:
        answer = emulator.feishu_user(MEETINGS, {"meeting_filter": meeting_filter}).json()
        assert answer["data"]["total"] == total
    assert emulator.feishu_user(MEETINGS, {}, page_token="x").json()["code"] == 121001


@pytest.mark.parametrize(
    ("minutes_filter", "meetings_filter", "params"),
    [
        ({"owner_ids": "x"}, {"organizer_ids": "x"}, {}),
        ([7], 7, {}),
        (
            {"create_time": {"start_time": "2026-11-01T00:00:00"}},
            {"start_time": {"start_time": "yesterday"}},
            {},
        ),
        ({}, {}, {"page_size": "31"}),
    ],
    ids=["type of ids", "type of filter", "time", "page size"],
)
def test_bad_parameters(emulator: Any, minutes_filter: Any, meetings_filter: Any, params: dict[str, str]) -> None:
    response = emulator.feishu_user(MINUTES, {"filter": minutes_filter}, **params)
    assert (response.status_code, response.json()["code"]) == (400, 99992402)
    # A caller's errors are HTTP 500 here, and the code means "internal error" elsewhere.
    response = emulator.feishu_user(MEETINGS, {"meeting_filter": meetings_filter}, **params)
    assert (response.status_code, response.json()["code"], response.json()["msg"]) == (500, 121001, "invalid param")
