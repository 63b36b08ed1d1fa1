"""The answers of the neighbouring endpoints, as their pages show them, for objects of that content."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.model.feishu import (
    FeishuArtifacts,
    FeishuChapter,
    FeishuMeeting,
    FeishuMinute,
    FeishuStatistics,
    FeishuUser,
)
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.model.wecom import (
    WecomFile,
    WecomParagraph,
    WecomRecording,
    WecomSentence,
    WecomTranscript,
    WecomWord,
)
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_USER_TOKEN

TOKEN = "obcnsynthetic00000000001"
OWNER = FeishuUser("ou_0001", "on_0001", "u1", "甲", "dev", "a@example.com", "1001")
RECORD_START, RECORD_END = 1767230010000, 1767231810000


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


def transcript() -> WecomTranscript:
    hello = WecomSentence(0, 4000, (WecomWord(0, 500, "大家好"),))
    return WecomTranscript(
        (WecomParagraph(0, 4000, (hello,), "zhangsan"), WecomParagraph(4000, 9000, (hello,), "lisi")), ("k",)
    )


def company() -> Company:
    minute = FeishuMinute(TOKEN, OWNER, at("2026-01-01T08:00:00"), "周会", 314_000, Media(10, "mp4"))
    meeting = FeishuMeeting(
        "7000000000000000001", "讨论会", TOKEN, "ready", "705605196", OWNER,
        at("2026-01-01T09:00:00"), at("2026-01-01T09:30:00"), 3, 4, "000000",
    )  # fmt: skip
    file = WecomFile(
        "rf1",
        datetime.fromtimestamp(RECORD_START / 1000).astimezone(),
        datetime.fromtimestamp(RECORD_END / 1000).astimezone(),
        video=Media(10, "mp4"),
        audio=Media(10, "m4a"),
        summaries=(Media(10, "txt"), Media(10, "pdf")),
        record_name="录制1",
        transcript=transcript(),
        ai_transcript=Media(10, "txt"),
    )
    recording = WecomRecording(
        "mr1", "hyABC", "123456789", "zhangsan", "zhangsan", at("2026-01-01T09:13:20"), "周会", (file,)
    )
    later = WecomRecording("mr2", "hyDEF", "2", "zhangsan", "lisi", at("2026-01-02T09:00:00"), "评审")
    return Company(
        "example",
        feishu_minutes={TOKEN: minute},
        feishu_meetings={meeting.meeting_id: meeting},
        feishu_statistics={
            TOKEN: FeishuStatistics(5, ((OWNER, at("2026-01-01T09:00:00")), (OWNER, at("2026-01-01T10:00:00"))))
        },
        feishu_artifacts={
            TOKEN: FeishuArtifacts("summary text", (FeishuChapter("intro", 0, 31_000, "text"),), (("do it", ("甲",)),))
        },
        wecom_recordings={"mr1": recording, "mr2": later},
    )


@pytest.fixture
def emulator(start: Any) -> Any:
    return start(company=company())


def test_statistics(emulator: Any) -> None:
    answer = emulator.feishu(f"/minutes/v1/minutes/{TOKEN}/statistics", user_id_type="open_id").json()
    viewers = [{"user_id": "ou_0001", "view_time": text} for text in ("1767229200000", "1767232800000")]
    statistics = {"user_view_count": "2", "page_view_count": "5", "user_view_list": viewers}
    assert answer == {"code": 0, "msg": "success", "data": {"statistics": statistics}}


def test_artifacts(emulator: Any) -> None:
    answer = emulator.feishu(f"/minutes/v1/minutes/{TOKEN}/artifacts").json()
    assert answer["data"] == {
        "summary": "summary text",
        "minute_chapters": [{"title": "intro", "start_ms": "0", "stop_ms": "31000", "summary_content": "text"}],
        "minute_todos": [{"content": "do it", "assignees": ["甲"]}],
    }


def test_minutes_search(emulator: Any) -> None:
    created = {"start_time": "2026-01-01T00:00:00+08:00", "end_time": "2026-01-02T00:00:00+08:00"}
    answer = requests.post(
        f"{emulator.url}/open-apis/minutes/v1/minutes/search",
        params={"page_size": "30"},
        json={"filter": {"create_time": created}},
        headers={"Authorization": f"Bearer {FEISHU_USER_TOKEN}"},
    ).json()
    item = answer["data"]["items"][0]
    assert answer["data"] | {"items": []} == {"items": [], "total": 1, "has_more": False}
    assert (item["token"], item["display_info"]) == (TOKEN, "周会")
    assert item["meta_data"].keys() == {"app_link", "avatar", "description"}


def test_list_by_no(emulator: Any) -> None:
    window = {"meeting_no": "705605196", "start_time": "1767225600", "end_time": "1767312000", "page_size": "50"}
    assert emulator.feishu("/vc/v1/meetings/list_by_no", **window).json() == {
        "code": 0,
        "msg": "",
        "data": {
            "has_more": False,
            "meeting_briefs": [
                {
                    "id": "7000000000000000001",
                    "meeting_no": "705605196",
                    "password": "000000",
                    "topic": "讨论会",
                    "url": "https://vc.feishu.cn/j/705605196",
                }
            ],
        },
    }


def test_meeting_list(emulator: Any) -> None:
    window = {"start_time": "1767225600", "end_time": "1767312000", "meeting_status": "2", "page_size": "20"}
    answer = emulator.feishu("/vc/v1/meeting_list", **window).json()
    assert answer["data"] == {
        "has_more": False,
        "page_token": "",
        "meeting_list": [
            {
                "meeting_id": "705605196", "meeting_instance_id": "7000000000000000001", "meeting_topic": "讨论会",
                "meeting_type": 2, "organizer": "甲", "department": "dev", "user_id": "ou_0001",
                "employee_id": "1001", "email": "a@example.com", "mobile": "",
                "meeting_start_time": "2026.01.01 09:00:00 (GMT+08:00)",
                "meeting_end_time": "2026.01.01 09:30:00 (GMT+08:00)", "meeting_duration": "00:30:00",
                "number_of_participants": "3", "number_of_devices": "4", "audio": True, "video": True,
                "sharing": False, "recording": True, "telephone": False, "has_related_document": False,
                "ai_note": False, "is_external": False, "meeting_subtype": 0,
            }
        ],
    }  # fmt: skip


def test_get_file(emulator: Any) -> None:
    answer = emulator.wecom("get_file", {"record_file_id": "rf1", "meetingid": "hyABC"})
    links = {"view_address", "download_address", "audio_address"}
    assert all(answer.pop(name).startswith(emulator.url) for name in links)
    assert answer["meeting_summary"].pop("download_address")
    assert answer["ai_meeting_transcripts"][0].pop("download_address")
    assert answer == {
        "errcode": 0, "errmsg": "ok", "record_file_id": "rf1", "meetingid": "hyABC", "meeting_code": "123456789",
        "download_address_file_type": "mp4", "audio_address_file_type": "m4a", "meeting_summary": {"file_type": "pdf"},
        "ai_meeting_transcripts": [{"file_type": "txt"}], "record_name": "录制1", "start_time": str(RECORD_START),
        "end_time": str(RECORD_END), "meeting_record_name": "周会",
    }  # fmt: skip


def test_transcripts(emulator: Any) -> None:
    file = {"record_file_id": "rf1", "meetingid": "hyABC"}
    assert emulator.wecom("transcript/get_paragraph_list", file) == {
        "errcode": 0,
        "errmsg": "ok",
        "audio_detect": 1,
        "paragraphs": [
            {"pid": "0", "start_time": 0, "end_time": 4000},
            {"pid": "1", "start_time": 4000, "end_time": 9000},
        ],
    }
    words = [{"wid": "0", "start_time": 0, "end_time": 500, "text": "大家好"}]
    paragraph = {
        "pid": "0",
        "start_time": 0,
        "end_time": 4000,
        "speaker_info": {"userid": "zhangsan"},
        "sentences": [{"sid": "0", "start_time": 0, "end_time": 4000, "words": words}],
    }
    assert emulator.wecom("transcript/get_detail", {**file, "pid": "0", "limit": 1}) == {
        "errcode": 0,
        "errmsg": "ok",
        "has_more": True,
        "transcripts": {"paragraphs": [paragraph], "keywords": ["k"], "audio_detect": 1},
    }


def test_get_user_meetingid(emulator: Any) -> None:
    body = {"userid": "zhangsan", "cursor": "0", "begin_time": 1767225600, "end_time": 1769817600, "limit": 100}
    answer = emulator.wecom_post("get_user_meetingid", body)
    assert answer == {"errcode": 0, "errmsg": "ok", "next_cursor": "", "meetingid_list": ["hyABC", "hyDEF"]}
