from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from airflow_provider_meetings.emulator.model.company import SHANGHAI
from airflow_provider_meetings.emulator.seed import wecom as seed


def record_ids(record: str) -> dict[str, str]:
    return {"meeting_record_id": record, "meetingid": record.replace("mr", "hy")}


def file_ids(record: str) -> dict[str, str]:
    return {"record_file_id": record.replace("mr", "rf") + "-1", "meetingid": record.replace("mr", "hy")}


def test_file_list_has_working_links(emulator: Any) -> None:
    answer = emulator.wecom("get_file_list", record_ids(seed.TWO_FILES_RECORD))
    recording = emulator.state.company.wecom_recordings[seed.TWO_FILES_RECORD]
    assert answer.keys() == {
        "errcode", "errmsg", "meeting_record_id", "meetingid", "meeting_code", "title", "record_files",
    }  # fmt: skip
    assert [file["record_file_id"] for file in answer["record_files"]] == [
        file.record_file_id for file in recording.files
    ]
    file = answer["record_files"][0]
    assert file.keys() == {
        "record_file_id", "view_address", "download_address", "download_address_file_type", "audio_address",
        "audio_address_file_type", "meeting_summary",
    }  # fmt: skip
    assert (file["download_address_file_type"], file["audio_address_file_type"]) == ("mp4", "m4a")
    video = emulator.session.get(file["download_address"])
    assert len(video.content) == recording.files[0].video.size
    assert video.headers["Content-Type"] == "video/mp4"
    assert emulator.session.get(file["audio_address"]).content[4:12] == b"ftypM4A "
    assert emulator.session.get(file["view_address"]).headers["Content-Type"].startswith("text/html")
    summaries = {
        summary["file_type"]: emulator.session.get(summary["download_address"]).content
        for summary in file["meeting_summary"]
    }
    assert summaries.keys() == {"docx", "txt", "pdf"}
    assert summaries["docx"].startswith(b"PK\x03\x04")
    assert summaries["pdf"].startswith(b"%PDF-")
    assert summaries["txt"].decode().startswith("会议纪要")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"meeting_record_id": "mr-x", "meetingid": "hy-x"},
        {"meeting_record_id": seed.SHARED_RECORD, "meetingid": seed.STANDUP_MEETINGID},
        {"meeting_record_id": [], "meetingid": {}},
    ],
    ids=["none", "unknown", "other meeting", "wrong types"],
)
def test_file_list_of_unknown_ids(emulator: Any, body: dict[str, Any]) -> None:
    assert emulator.wecom("get_file_list", body)["errcode"] == 40058


@pytest.mark.parametrize("path", ["get_file", "transcript/get_paragraph_list", "transcript/get_detail"])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"record_file_id": "rf-x", "meetingid": "hy-x"},
        {**file_ids(seed.SHARED_RECORD), "meetingid": seed.STANDUP_MEETINGID},
        {"record_file_id": 7, "meetingid": []},
    ],
    ids=["none", "unknown", "other meeting", "wrong types"],
)
def test_file_of_unknown_ids(emulator: Any, path: str, body: Any) -> None:
    assert emulator.wecom(path, body)["errcode"] == 40058


def test_audio_only_recording_has_empty_video_link(emulator: Any) -> None:
    (file,) = emulator.wecom("get_file_list", record_ids(seed.AUDIO_ONLY_RECORD))["record_files"]
    assert (file["download_address"], file["download_address_file_type"]) == ("", "")
    assert file["audio_address"]
    file = emulator.wecom("get_file", file_ids(seed.AUDIO_ONLY_RECORD))
    assert (file["download_address"], file["download_address_file_type"]) == ("", "")


def test_declared_size_0_of_a_file_with_content(emulator: Any) -> None:
    ids = record_ids(seed.ZERO_SIZE_RECORD)
    start_time = int(datetime(2026, 10, 28, tzinfo=SHANGHAI).timestamp())
    body = {"meetingid": ids["meetingid"], "start_time": start_time, "end_time": start_time + 86400}
    (record,) = emulator.wecom("list", body)["record_list"]
    assert record["record_file_list"][0]["record_size"] == 0
    (file,) = emulator.wecom("get_file_list", ids)["record_files"]
    assert len(emulator.session.get(file["download_address"]).content) > 20_000


def test_get_file(emulator: Any) -> None:
    answer = emulator.wecom("get_file", file_ids(seed.SHARED_RECORD))
    assert answer["meeting_summary"]["file_type"] == "pdf"
    assert answer["start_time"] == "1794452442000"  # 11:00:42 in Shanghai
    transcript = emulator.session.get(answer["ai_meeting_transcripts"][0]["download_address"]).content.decode()
    assert transcript.startswith("lina 00:00\n大家好，我们开始吧。")
    assert answer["record_name"] == "录制1"


def test_recording_without_summary_and_transcript(emulator: Any) -> None:
    ids = {"record_file_id": "rf-20261110-zhangwei-0930-1", "meetingid": seed.STANDUP_MEETINGID}
    answer = emulator.wecom("get_file", ids)
    assert answer["meeting_summary"] == {"download_address": "", "file_type": ""}
    assert answer["ai_meeting_transcripts"] == []
    assert emulator.wecom("transcript/get_paragraph_list", ids)["paragraphs"] == []
    detail = emulator.wecom("transcript/get_detail", ids)
    assert (detail["has_more"], detail["transcripts"]["paragraphs"]) == (False, [])


def test_get_file_before_state_3(start: Any) -> None:
    emulator = start(not_ready_polls=1)
    assert emulator.wecom("get_file", file_ids(seed.PROCESSING_RECORD))["errcode"] == 40058
    emulator.state.not_ready(seed.SHARED_RECORD, 1)
    assert emulator.wecom("get_file", file_ids(seed.SHARED_RECORD))["errcode"] == 40058
