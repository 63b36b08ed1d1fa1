from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed import wecom as seed

DETAIL = "transcript/get_detail"
PARAGRAPHS = "transcript/get_paragraph_list"


def file_ids(record: str) -> dict[str, str]:
    return {"record_file_id": record.replace("mr", "rf") + "-1", "meetingid": record.replace("mr", "hy")}


SHARED = file_ids(seed.SHARED_RECORD)


def test_pages_repeat_the_last_paragraph(emulator: Any) -> None:
    pages: list[list[str]] = []
    pid = "0"
    while True:
        answer = emulator.wecom(DETAIL, {**SHARED, "pid": pid, "limit": 2})
        pages.append([paragraph["pid"] for paragraph in answer["transcripts"]["paragraphs"]])
        pid = pages[-1][-1]
        if not answer["has_more"]:
            break
    assert pages == [["0", "1"], ["1", "2"], ["2", "3"], ["3", "4"]]


def test_all_paragraphs_and_their_list(emulator: Any) -> None:
    answer = emulator.wecom(DETAIL, SHARED)
    paragraphs = answer["transcripts"]["paragraphs"]
    assert (answer["has_more"], len(paragraphs)) == (False, 5)
    times = [{name: paragraph[name] for name in ("pid", "start_time", "end_time")} for paragraph in paragraphs]
    assert emulator.wecom(PARAGRAPHS, SHARED)["paragraphs"] == times
    assert all(first["end_time"] <= second["start_time"] for first, second in pairwise(paragraphs))
    words = paragraphs[0]["sentences"][1]["words"]
    assert "".join(word["text"] for word in words) == "先看上周的进展。"


def test_external_speaker_has_no_userid(emulator: Any) -> None:
    paragraphs = emulator.wecom(DETAIL, SHARED)["transcripts"]["paragraphs"]
    speakers = [paragraph["speaker_info"] for paragraph in paragraphs]
    assert speakers == [{"userid": "lina"}, {"userid": "wangfang"}, {}, {"userid": "lina"}, {"userid": "wangfang"}]


@pytest.mark.parametrize(("record", "audio_detect"), [(seed.PROCESSING_RECORD, 0), (seed.SHARED_RECORD, 1)])
def test_audio_detect(emulator: Any, record: str, audio_detect: int) -> None:
    assert emulator.wecom(PARAGRAPHS, file_ids(record))["audio_detect"] == audio_detect
    assert emulator.wecom(DETAIL, file_ids(record))["transcripts"]["audio_detect"] == audio_detect


@pytest.mark.parametrize("changes", [{"pid": "99"}, {"pid": 0}, {"limit": 0}, {"limit": "2"}])
def test_bad_parameters(emulator: Any, changes: Any) -> None:
    assert emulator.wecom(DETAIL, {**SHARED, **changes})["errcode"] == 40058
