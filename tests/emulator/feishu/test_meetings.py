from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed import feishu as seed

# 2026-10-01 to 2026-11-14, Asia/Shanghai.
WINDOW = {"start_time": "1790784000", "end_time": "1794585600"}
BY_NUMBER = "/vc/v1/meetings/list_by_no"


@pytest.mark.parametrize(
    ("meeting_id", "status", "code"),
    [
        ("not-a-number", 400, 121003),
        ("１２３", 400, 121003),
        (seed.UNRECORDED_MEETING, 404, 121004),
        (seed.FORBIDDEN_MEETING, 403, 121005),
        (seed.RUNNING_MEETING, 400, 122001),
        ("7571000000000000999", 404, 122002),
        ("705605196", 404, 122002),
    ],
)
def test_inaccessible_recordings(emulator: Any, meeting_id: str, status: int, code: int) -> None:
    response = emulator.feishu(f"/vc/v1/meetings/{meeting_id}/recording")
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_meetings_of_a_number_in_pages(emulator: Any) -> None:
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


def test_note_id_of_a_meeting(emulator: Any) -> None:
    data = emulator.feishu(BY_NUMBER, **WINDOW, meeting_no=seed.READY_NUMBER).json()["data"]
    assert [brief["note_id"] for brief in data["meeting_briefs"]] == ["7571000000000000901"]


def test_unknown_number_has_no_meetings(emulator: Any) -> None:
    data = emulator.feishu(BY_NUMBER, **WINDOW, meeting_no="999999999").json()["data"]
    assert data == {"has_more": False, "meeting_briefs": []}


@pytest.mark.parametrize(
    "changes",
    [
        {"meeting_no": "abc"}, {"meeting_no": ""}, {"start_time": "x"}, {"end_time": "1"}, {"page_size": "51"},
        {"page_size": "0"}, {"page_token": "nonsense"},
    ],
)  # fmt: skip
def test_bad_parameters(emulator: Any, changes: dict[str, str]) -> None:
    response = emulator.feishu(BY_NUMBER, **{**WINDOW, "meeting_no": "520131401", **changes})
    assert (response.status_code, response.json()["code"]) == (400, 121003)
