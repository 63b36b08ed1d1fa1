from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.seed import feishu as seed
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_USER_TOKEN

# 2026-10-01 to 2026-11-14, Asia/Shanghai.
WINDOW = {"start_time": "1790784000", "end_time": "1794585600"}
YEAR = 366 * 86400
BY_NUMBER = "/vc/v1/meetings/list_by_no"
REPORT = "/vc/v1/meeting_list"
MINUTES = "/minutes/v1/minutes/search"
MEETINGS = "/vc/v1/meetings/search"


def test_every_meeting_has_a_number_a_topic_an_organizer_and_a_time() -> None:
    meetings = default_company().feishu_meetings
    for meeting in meetings.values():
        assert len(meeting.meeting_no) == 9
        assert meeting.meeting_no.isdigit()
        assert meeting.topic
        assert meeting.organizer
        assert meeting.start
        assert (meeting.end is None) == (meeting.status == "running")
        minute = default_company().feishu_minutes.get(meeting.minute_token)
        if minute and meeting.end:
            assert meeting.start <= minute.create_time <= meeting.end
            assert minute.owner == meeting.organizer


@pytest.mark.parametrize("part", ["/statistics", "/artifacts"])
@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ("short", 400, 2091001),
        ("obcnunknown0000000000000", 404, 2091002),
        (seed.DELETED_MINUTE, 400, 2091004),
        (seed.FORBIDDEN_MINUTE, 403, 2091005),
    ],
)
def test_parts_of_a_minute_are_refused_as_it_is(emulator: Any, part: str, token: str, status: int, code: int) -> None:
    response = emulator.feishu(f"/minutes/v1/minutes/{token}{part}")
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_statistics_follow_user_id_type(emulator: Any) -> None:
    path = f"/minutes/v1/minutes/{seed.READY_MINUTE}/statistics"
    statistics = emulator.feishu(path, user_id_type="user_id").json()["data"]["statistics"]
    assert (statistics["user_view_count"], statistics["page_view_count"]) == ("3", "20")
    assert [viewer["user_id"] for viewer in statistics["user_view_list"]] == ["chenyu", "zhaomin", "mia.wang"]
    assert emulator.feishu(path, user_id_type="email").json()["code"] == 2091001


def test_a_minute_that_nobody_looked_at_and_no_ai_read(emulator: Any) -> None:
    path = f"/minutes/v1/minutes/{seed.AUDIO_ONLY_MINUTE}"
    assert emulator.feishu(f"{path}/statistics").json()["data"]["statistics"] == {
        "user_view_count": "0", "page_view_count": "0", "user_view_list": [],
    }  # fmt: skip
    empty = {"summary": "", "minute_chapters": [], "minute_todos": []}
    assert emulator.feishu(f"{path}/artifacts").json()["data"] == empty


def test_chapters_span_the_minute(emulator: Any) -> None:
    data = emulator.feishu(f"/minutes/v1/minutes/{seed.READY_MINUTE}/artifacts").json()["data"]
    assert [(one["start_ms"], one["stop_ms"]) for one in data["minute_chapters"]] == [
        ("0", "12000"), ("12000", "2714000"),
    ]  # fmt: skip
    assert data["minute_todos"][1] == {"content": "安排仓储线联调", "assignees": ["陈宇", "赵敏"]}


def test_one_number_many_meetings_page_by_page(emulator: Any) -> None:
    ids: list[str] = []
    token = ""
    while True:
        params = {**WINDOW, "meeting_no": seed.RECURRING_NUMBER, "page_size": "2", "page_token": token}
        data = emulator.feishu(BY_NUMBER, **params).json()["data"]
        ids += [brief["id"] for brief in data["meeting_briefs"]]
        assert ("page_token" in data) == data["has_more"]
        if not data["has_more"]:
            break
        token = data["page_token"]
    assert ids == [seed.SPRINT_40_MEETING, seed.SPRINT_41_MEETING, seed.ENGLISH_MEETING]


def test_the_brief_of_a_noted_meeting_has_the_note(emulator: Any) -> None:
    (brief,) = emulator.feishu(BY_NUMBER, **WINDOW, meeting_no=seed.READY_NUMBER).json()["data"]["meeting_briefs"]
    assert brief["note_id"] == "7571000000000000901"
    nobody = emulator.feishu(BY_NUMBER, **WINDOW, meeting_no="999999999").json()["data"]
    assert nobody == {"has_more": False, "meeting_briefs": []}


def test_days_that_list_by_no_looks_back(emulator: Any) -> None:
    emulator.state.meetings_by_number_days = 5
    params = {**WINDOW, "meeting_no": seed.RECURRING_NUMBER}
    briefs = emulator.feishu(BY_NUMBER, **params).json()["data"]["meeting_briefs"]
    assert [brief["id"] for brief in briefs] == [seed.ENGLISH_MEETING]


@pytest.mark.parametrize(
    "changes",
    [
        {"meeting_no": "abc"}, {"meeting_no": ""}, {"start_time": "x"}, {"end_time": "1"}, {"page_size": "51"},
        {"page_size": "0"}, {"page_token": "nonsense"},
    ],
)  # fmt: skip
def test_bad_parameters_of_list_by_no(emulator: Any, changes: dict[str, str]) -> None:
    response = emulator.feishu(BY_NUMBER, **{**WINDOW, "meeting_no": "520131401", **changes})
    assert (response.status_code, response.json()["code"]) == (400, 121003)


def report(emulator: Any, **params: str) -> Any:
    return emulator.feishu(REPORT, **{**WINDOW, **params}).json()


def test_report_names_the_number_meeting_id(emulator: Any) -> None:
    data = report(emulator)["data"]
    rows = {row["meeting_instance_id"]: row for row in data["meeting_list"]}
    ended = {one.meeting_id for one in default_company().feishu_meetings.values() if one.end}
    assert rows.keys() == ended
    assert data["has_more"] is False
    row = rows[seed.READY_MEETING]
    assert row["meeting_id"] == seed.READY_NUMBER
    assert row["meeting_start_time"] == "2026.11.10 10:00:00 (GMT+08:00)"
    assert row["meeting_duration"] == "00:47:00"
    assert (row["number_of_participants"], row["ai_note"]) == ("5", True)
    assert [rows[one]["recording"] for one in (seed.READY_MEETING, seed.UNRECORDED_MEETING)] == [True, False]


def test_report_of_what_still_runs(emulator: Any) -> None:
    (row,) = report(emulator, meeting_status="1")["data"]["meeting_list"]
    assert row["meeting_instance_id"] == seed.RUNNING_MEETING
    assert (row["meeting_end_time"], row["meeting_duration"]) == ("", "")
    # Nothing is scheduled, and one may ask for a month of it.
    assert report(emulator, meeting_status="3", end_time="1793376000")["data"]["meeting_list"] == []


def test_report_filters_by_one_thing(emulator: Any) -> None:
    def ids(**params: str) -> set[str]:
        return {row["meeting_instance_id"] for row in report(emulator, **params)["data"]["meeting_list"]}

    assert len(ids(meeting_no=seed.RECURRING_NUMBER)) == 3
    assert len(ids(user_id=seed.MIA_WANG.open_id)) == 4
    assert len(ids(user_id="mia.wang", user_id_type="user_id")) == 4
    assert ids(room_id="omm_x") == ids(meeting_type="3") == set()


def test_report_pages_by_offset(emulator: Any) -> None:
    company = emulator.state.company
    extra = {f"9{number:018}": company.feishu_meetings[seed.READY_MEETING] for number in range(25)}
    object.__setattr__(company, "feishu_meetings", {**company.feishu_meetings, **extra})
    first = report(emulator, page_size="20")["data"]
    assert (len(first["meeting_list"]), first["page_token"], first["has_more"]) == (20, "20", True)
    second = report(emulator, page_size="20", page_token="20")["data"]
    assert (len(second["meeting_list"]), second["page_token"], second["has_more"]) == (15, "", False)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"start_time": "1794700001", "end_time": "1794700002"}, 126005),
        ({"start_time": str(1794585600 - YEAR - 1)}, 126006),
        ({"meeting_no": "520131401", "user_id": "ou_x"}, 126008),
        ({"meeting_status": "3", "end_time": str(1790784000 + 32 * 86400)}, 126016),
        ({"page_size": "19"}, 121003),
        ({"page_size": "101"}, 121003),
        ({"page_token": "x"}, 121003),
        ({"meeting_status": "4"}, 121003),
        ({"start_time": ""}, 121003),
        ({"end_time": "1"}, 121003),
        ({"user_id_type": "email"}, 121003),
    ],
)
def test_bad_parameters_of_the_report(emulator: Any, params: dict[str, str], code: int) -> None:
    assert report(emulator, **params)["code"] == code


def test_report_for_users_alone(emulator: Any) -> None:
    emulator.state.meeting_list_tenant = False
    assert report(emulator)["code"] == 99991672
    headers = {"Authorization": f"Bearer {FEISHU_USER_TOKEN}"}
    url = f"{emulator.url}/open-apis{REPORT}"
    assert requests.get(url, params=WINDOW, headers=headers).json()["code"] == 0


@pytest.mark.parametrize("path", [MINUTES, MEETINGS])
def test_searches_refuse_the_app(emulator: Any, path: str) -> None:
    headers = {"Authorization": f"Bearer {emulator.feishu_token()}"}
    response = requests.post(f"{emulator.url}/open-apis{path}", json={}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, 99991663)


def test_search_of_minutes(emulator: Any) -> None:
    first = emulator.feishu_user(MINUTES, {}, page_size="2").json()["data"]
    assert first["total"] == 4
    assert [item["token"] for item in first["items"]] == [seed.PROCESSING_MINUTE, seed.ENGLISH_MINUTE]
    # In the body they are ignored: the same page for ever.
    body = {"page_size": 1, "page_token": first["page_token"]}
    assert emulator.feishu_user(MINUTES, body, page_size="2").json()["data"] == first
    second = emulator.feishu_user(MINUTES, {}, page_size="2", page_token=first["page_token"]).json()["data"]
    assert [item["token"] for item in second["items"]] == [seed.READY_MINUTE, seed.AUDIO_ONLY_MINUTE]
    assert (second["has_more"], "page_token" in second) == (False, False)
    other = emulator.feishu_user(MINUTES, {"query": "x"}, page_token=first["page_token"])
    assert other.json()["code"] == 2094005


def test_filters_of_the_search_of_minutes(emulator: Any) -> None:
    def found(**body: Any) -> list[str]:
        return [item["token"] for item in emulator.feishu_user(MINUTES, body).json()["data"]["items"]]

    assert found(query="Sprint") == [seed.ENGLISH_MINUTE]
    assert found(filter={"owner_ids": [seed.ZHAO_MIN.open_id]}) == [seed.AUDIO_ONLY_MINUTE]
    november = {"start_time": "2026-11-01T00:00:00+08:00", "end_time": "2026-11-11T00:00:00+08:00"}
    assert found(filter={"create_time": november}) == [seed.READY_MINUTE]


BAD = [
    ({"filter": {"owner_ids": "x"}, "meeting_filter": {"organizer_ids": "x"}}, {}),
    ({"filter": [7], "meeting_filter": 7}, {}),
    (
        {
            "filter": {"create_time": {"start_time": "2026-11-01T00:00:00"}},
            "meeting_filter": {"start_time": {"start_time": "yesterday"}},
        },
        {},
    ),
    ({}, {"page_size": "31"}),
]


@pytest.mark.parametrize(("body", "params"), BAD)
def test_bad_searches(emulator: Any, body: Any, params: dict[str, str]) -> None:
    refused = emulator.feishu_user(MINUTES, body, **params)
    assert (refused.status_code, refused.json()["code"]) == (400, 99992402)
    # "All client errors are HTTP 500", and this code is an internal error elsewhere.
    refused = emulator.feishu_user(MEETINGS, body, **params)
    assert (refused.status_code, refused.json()["code"], refused.json()["msg"]) == (500, 121001, "invalid param")


def test_search_of_meetings(emulator: Any) -> None:
    data = emulator.feishu_user(MEETINGS, {"query": "Sprint"}).json()["data"]
    assert [item["id"] for item in data["items"]] == [
        seed.ENGLISH_MEETING, seed.SPRINT_41_MEETING, seed.SPRINT_40_MEETING,
    ]  # fmt: skip
    assert data["items"][0].keys() == {"id", "display_info", "meta_data"}
    body = {"meeting_filter": {"organizer_ids": [seed.ZHAO_MIN.open_id]}}
    assert emulator.feishu_user(MEETINGS, body).json()["data"]["total"] == 3
    after = {"meeting_filter": {"start_time": {"start_time": "2026-11-13T17:00:00+08:00"}}}
    assert emulator.feishu_user(MEETINGS, after).json()["data"]["total"] == 1
    assert emulator.feishu_user(MEETINGS, {}, page_token="x").json()["code"] == 121001
