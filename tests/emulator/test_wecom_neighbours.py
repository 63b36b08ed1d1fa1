from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.model.company import SHANGHAI
from airflow_provider_meetings.emulator.seed import wecom as seed

SHARED = {
    "record_file_id": seed.SHARED_RECORD.replace("mr", "rf") + "-1",
    "meetingid": seed.SHARED_RECORD.replace("mr", "hy"),
}
DETAIL = "transcript/get_detail"
PARAGRAPHS = "transcript/get_paragraph_list"
BEGIN = int(datetime(2026, 10, 1, tzinfo=SHANGHAI).timestamp())
MEMBER = {"userid": "lina", "cursor": "0", "begin_time": BEGIN, "end_time": BEGIN + 60 * 86400}


def other(record: str) -> dict[str, str]:
    return {"record_file_id": record.replace("mr", "rf") + "-1", "meetingid": record.replace("mr", "hy")}


def test_get_file_in_all_spellings(emulator: Any) -> None:
    answer = emulator.wecom("get_file", SHARED)
    assert answer["meeting_summary"]["file_type"] == "pdf"
    assert isinstance(answer["start_time"], str)
    emulator.state.meeting_summary = "list"
    emulator.state.file_times = "number"
    answer = emulator.wecom("get_file", SHARED)
    assert [summary["file_type"] for summary in answer["meeting_summary"]] == ["docx", "txt", "pdf"]
    # 11:00:42 in Shanghai.
    assert answer["start_time"] == 1794452442000
    said = requests.get(answer["ai_meeting_transcripts"][0]["download_address"]).content.decode()
    assert said.startswith("lina 00:00\n大家好，我们开始吧。")
    assert answer["record_name"] == "录制1"


def test_get_file_of_an_unsummarized_and_of_an_audio_only_recording(emulator: Any) -> None:
    standup = {"record_file_id": "rf-20261110-zhangwei-0930-1", "meetingid": seed.STANDUP_MEETINGID}
    answer = emulator.wecom("get_file", standup)
    assert answer["meeting_summary"] == {"download_address": "", "file_type": ""}
    assert answer["ai_meeting_transcripts"] == []
    assert emulator.wecom(PARAGRAPHS, standup)["paragraphs"] == []
    detail = emulator.wecom(DETAIL, standup)
    assert (detail["has_more"], detail["transcripts"]["paragraphs"]) == (False, [])
    answer = emulator.wecom("get_file", other(seed.AUDIO_ONLY_RECORD))
    assert (answer["download_address"], answer["download_address_file_type"]) == ("", "")


def test_get_file_before_state_3(start: Any) -> None:
    emulator = start(not_ready_polls=1)
    assert emulator.wecom("get_file", other(seed.PROCESSING_RECORD))["errcode"] == 40058
    emulator.state.not_ready(seed.SHARED_RECORD, 1)
    assert emulator.wecom("get_file", SHARED)["errcode"] == 40058


@pytest.mark.parametrize("path", ["get_file", PARAGRAPHS, DETAIL])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"record_file_id": "rf-x", "meetingid": "hy-x"},
        {**SHARED, "meetingid": seed.STANDUP_MEETINGID},
        {"record_file_id": 7, "meetingid": []},
    ],
)
def test_files_that_there_are_not(emulator: Any, path: str, body: Any) -> None:
    assert emulator.wecom(path, body)["errcode"] == 40058


def test_the_boundary_paragraph_comes_twice(emulator: Any) -> None:
    seen: list[list[str]] = []
    pid = "0"
    while True:
        answer = emulator.wecom(DETAIL, {**SHARED, "pid": pid, "limit": 2})
        seen.append([paragraph["pid"] for paragraph in answer["transcripts"]["paragraphs"]])
        pid = seen[-1][-1]
        if not answer["has_more"]:
            break
    assert seen == [["0", "1"], ["1", "2"], ["2", "3"], ["3", "4"]]


def test_all_paragraphs_at_once_and_their_list(emulator: Any) -> None:
    answer = emulator.wecom(DETAIL, SHARED)
    paragraphs = answer["transcripts"]["paragraphs"]
    assert (answer["has_more"], len(paragraphs)) == (False, 5)
    times = [{name: one[name] for name in ("pid", "start_time", "end_time")} for one in paragraphs]
    assert emulator.wecom(PARAGRAPHS, SHARED)["paragraphs"] == times
    assert all(one["end_time"] <= two["start_time"] for one, two in pairwise(paragraphs))
    words = paragraphs[0]["sentences"][1]["words"]
    assert "".join(word["text"] for word in words) == "先看上周的进展。"


def test_who_speaks_from_outside_has_no_userid(emulator: Any) -> None:
    paragraphs = emulator.wecom(DETAIL, SHARED)["transcripts"]["paragraphs"]
    speakers = [paragraph["speaker_info"] for paragraph in paragraphs]
    assert speakers == [{"userid": "lina"}, {"userid": "wangfang"}, {}, {"userid": "lina"}, {"userid": "wangfang"}]


def test_speakers_may_still_change(emulator: Any) -> None:
    processing = other(seed.PROCESSING_RECORD)
    assert emulator.wecom(PARAGRAPHS, processing)["audio_detect"] == 0
    assert emulator.wecom(DETAIL, processing)["transcripts"]["audio_detect"] == 0
    assert emulator.wecom(PARAGRAPHS, SHARED)["audio_detect"] == 1


@pytest.mark.parametrize("changes", [{"pid": "99"}, {"pid": 0}, {"limit": 0}, {"limit": "2"}])
def test_bad_parameters_of_get_detail(emulator: Any, changes: Any) -> None:
    assert emulator.wecom(DETAIL, {**SHARED, **changes})["errcode"] == 40058


def member(emulator: Any, **changes: Any) -> Any:
    return emulator.wecom_post("get_user_meetingid", {**MEMBER, **changes})


def test_meetings_of_a_member_page_by_page(emulator: Any) -> None:
    ids: list[str] = []
    cursor = "0"
    while cursor:
        answer = member(emulator, cursor=cursor, limit=3)
        assert answer.keys() == {"errcode", "errmsg", "next_cursor", "meetingid_list"}
        ids += answer["meetingid_list"]
        cursor = answer["next_cursor"]
    recorded = {one.meetingid for one in emulator.state.company.wecom_recordings.values() if one.creator == "lina"}
    assert len(ids) == len(set(ids))
    assert set(ids) == recorded | {"hy-20261103-lina-1000"}


def test_a_series_is_one_meeting(emulator: Any) -> None:
    assert member(emulator, userid="zhangwei")["meetingid_list"].count(seed.STANDUP_MEETINGID) == 1
    assert member(emulator, userid="nobody") == {"errcode": 0, "errmsg": "ok", "next_cursor": "", "meetingid_list": []}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"userid": ""}, "userid is required"),
        ({"limit": 101}, "limit must be 1 to 100"),
        ({"limit": 0}, "limit must be 1 to 100"),
        ({"begin_time": None}, "begin_time is required"),
        ({"end_time": BEGIN - 1}, "before begin_time"),
        ({"end_time": BEGIN + 180 * 86400 + 1}, "180 days"),
        ({"cursor": "x"}, "unknown cursor"),
    ],
)
def test_bad_parameters_of_get_user_meetingid(emulator: Any, changes: Any, reason: str) -> None:
    answer = member(emulator, **changes)
    assert answer["errcode"] == 40058
    assert reason in answer["errmsg"]


def test_no_more_may_go_unsaid(emulator: Any) -> None:
    day = {"start_time": BEGIN, "end_time": BEGIN + 30 * 86400, "userid": "lina", "limit": 20}
    assert emulator.wecom("list", day)["has_more"] is False
    emulator.state.has_more = "when-true"
    assert "has_more" not in emulator.wecom("list", day)
    assert emulator.wecom("list", day | {"limit": 1})["has_more"] is True


def test_a_warning_within_success(emulator: Any) -> None:
    emulator.state.wecom_warning = True
    answer = member(emulator)
    assert answer["errcode"] == 0
    assert "Warning: wrong json format." in answer["errmsg"]
