"""The example answers of the vendor's pages, for objects of the same content."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.model.wecom import (
    WecomFile,
    WecomParagraph,
    WecomRecording,
    WecomSentence,
    WecomSharing,
    WecomTranscript,
    WecomWord,
)

EXAMPLES = Path(__file__).parents[2] / "platforms" / "wecom" / "answers"
RECORD_START, RECORD_END = 1767230010000, 1767231810000


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def test_record_list(start: Any) -> None:
    sharing = WecomSharing("https://share.url", "fgjisnge", 3323, required_same_corp=True, required_attendee=True)
    recording = WecomRecording(
        meeting_record_id="GEIGN",
        meetingid="GEMIGE",
        meeting_code="GEJIGNEO",
        creator="USERID",
        host_user_id="XGMEIG",
        meeting_start_time=at(177777777),
        title="TJIE",
        # The example shows files in state 1, although the text below it rules them out.
        status="recording",
        files_at_any_state=True,
        files=(WecomFile("FILEID", at(15555), at(1777777), record_size=323235325, sharing=sharing),),
    )
    emulator = start(company=Company("example", wecom_recordings={"GEIGN": recording}))
    emulator.state.wecom_spelling = "record_meetings"
    emulator.state.has_more = "when-true"
    answer = emulator.wecom("list", {"meetingid": "GEMIGE", "start_time": 0, "end_time": 2678400})
    assert answer == json.loads((EXAMPLES / "record_list.json").read_text("utf-8"))


@pytest.fixture
def emulator(start: Any) -> Any:
    hello = WecomSentence(0, 4000, (WecomWord(0, 500, "大家好"),))
    paragraphs = (WecomParagraph(0, 4000, (hello,), "zhangsan"), WecomParagraph(4000, 9000, (hello,), "lisi"))
    file = WecomFile(
        "rf1",
        at(RECORD_START),
        at(RECORD_END),
        video=Media(10, "mp4"),
        audio=Media(10, "m4a"),
        summaries=(Media(10, "txt"), Media(10, "pdf")),
        record_name="录制1",
        transcript=WecomTranscript(paragraphs, ("k",)),
        ai_transcript=Media(10, "txt"),
    )
    first = WecomRecording("mr1", "hyABC", "123456789", "zhangsan", "zhangsan", at(RECORD_START), "周会", (file,))
    second = WecomRecording("mr2", "hyDEF", "2", "zhangsan", "lisi", at(RECORD_START + 86_400_000), "评审")
    return start(company=Company("example", wecom_recordings={"mr1": first, "mr2": second}))


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
