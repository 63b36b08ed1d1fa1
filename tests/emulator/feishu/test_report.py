from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed import feishu as seed
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_USER_TOKEN

START, END = 1790784000, 1794585600  # 2026-10-01 to 2026-11-14, Asia/Shanghai
REPORT = "/vc/v1/meeting_list"


def report(emulator: Any, token: str | None = None, **params: str) -> Any:
    window = {"start_time": str(START), "end_time": str(END)}
    return emulator.feishu(REPORT, token, **{**window, **params}).json()


def test_report_names_the_number_meeting_id(emulator: Any) -> None:
    data = report(emulator)["data"]
    rows = {row["meeting_instance_id"]: row for row in data["meeting_list"]}
    assert rows.keys() == {meeting.meeting_id for meeting in seed.MEETINGS if meeting.end}
    assert data["has_more"] is False
    row = rows[seed.READY_MEETING]
    assert row["meeting_id"] == seed.READY_NUMBER
    assert row["meeting_start_time"] == "2026.11.10 10:00:00 (GMT+08:00)"
    assert row["meeting_duration"] == "00:47:00"
    assert (row["number_of_participants"], row["ai_note"]) == ("5", True)
    assert [rows[meeting]["recording"] for meeting in (seed.READY_MEETING, seed.UNRECORDED_MEETING)] == [True, False]


def test_running_meetings(emulator: Any) -> None:
    (row,) = report(emulator, meeting_status="1")["data"]["meeting_list"]
    assert row["meeting_instance_id"] == seed.RUNNING_MEETING
    assert (row["meeting_end_time"], row["meeting_duration"]) == ("", "")


def test_pages_by_offset(start: Any) -> None:
    company = default_company()
    ready = company.feishu_meetings[seed.READY_MEETING]
    copies = {name: replace(ready, meeting_id=name) for name in (f"9{number:018}" for number in range(25))}
    emulator = start(company=replace(company, feishu_meetings={**company.feishu_meetings, **copies}))
    first = report(emulator, page_size="20")["data"]
    assert (len(first["meeting_list"]), first["page_token"], first["has_more"]) == (20, "20", True)
    second = report(emulator, page_size="20", page_token="20")["data"]
    assert (len(second["meeting_list"]), second["page_token"], second["has_more"]) == (15, "", False)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"start_time": "1794700001", "end_time": "1794700002"}, 126005),
        ({"start_time": str(END - 366 * 86400 - 1)}, 126006),
        ({"page_size": "19"}, 121003),
        ({"page_size": "101"}, 121003),
        ({"page_token": "x"}, 121003),
        ({"meeting_status": "4"}, 121003),
        ({"start_time": ""}, 121003),
        ({"end_time": "1"}, 121003),
        ({"user_id_type": "email"}, 121003),
    ],
)
def test_bad_parameters(emulator: Any, params: dict[str, str], code: int) -> None:
    assert report(emulator, **params)["code"] == code


def test_tenant_token_is_refused_if_set(emulator: Any) -> None:
    emulator.state.meeting_list_tenant = False
    assert report(emulator)["code"] == 99991672
    assert report(emulator, FEISHU_USER_TOKEN)["code"] == 0
