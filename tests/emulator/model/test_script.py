"""A company that changes with the calendar."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.model.script import Script
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.seed.feishu import READY_MEETING, READY_MINUTE
from airflow_provider_meetings.emulator.seed.wecom import TWO_FILES_RECORD
from airflow_provider_meetings.emulator.state.clock import CLOCK_FILE, calendar_of_environment
from tests.emulator.conftest import Start

RECORDING = default_company().wecom_recordings[TWO_FILES_RECORD]
MINUTE = default_company().feishu_minutes[READY_MINUTE]
MEETING = default_company().feishu_meetings[READY_MEETING]


@pytest.mark.parametrize(
    ("now", "title"), [(9.0, None), (10.0, "first"), (19.0, "first"), (20.0, "second"), (30.0, None)]
)
def test_latest_version_is_shown(now: float, title: str | None) -> None:
    versions = [(10.0, replace(RECORDING, title="first")), (20.0, replace(RECORDING, title="second")), (30.0, None)]
    script = Script(Company(name="a", wecom_recordings={"one": RECORDING}), {"wecom_recordings": {"one": versions}})
    found = script.at(now).wecom_recordings
    assert ({key: one.title for key, one in found.items()}) == ({"one": title} if title else {})
    assert script.at(now) is script.at(now)


def test_requests_follow_the_calendar_and_tokens_the_clock(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script(
        Company(name="a", feishu_meetings={READY_MEETING: MEETING}),
        {"feishu_minutes": {READY_MINUTE: [(0.0, MINUTE), (100.0, replace(MINUTE, status="deleted"))]}},
    )
    path = tmp_path / "now"
    monkeypatch.setenv(CLOCK_FILE, str(path))
    emulator = start(company=script, calendar=calendar_of_environment())
    path.write_text("50")
    token = emulator.feishu_token()
    assert emulator.feishu(f"/minutes/v1/minutes/{READY_MINUTE}", token).json()["code"] == 0
    path.write_text("1e9")
    assert emulator.feishu(f"/minutes/v1/minutes/{READY_MINUTE}", token).json()["code"] == 2091004


def test_files_of_one_recording_are_refused(start: Start) -> None:
    minute = replace(MINUTE, exportable=False)
    recording = replace(RECORDING, refusal=60011)
    company = Company(name="a", feishu_minutes={READY_MINUTE: minute}, wecom_recordings={TWO_FILES_RECORD: recording})
    emulator = start(company=company)
    path = f"/minutes/v1/minutes/{READY_MINUTE}"
    assert emulator.feishu(path).json()["code"] == 0
    assert emulator.feishu(f"{path}/media").json()["code"] == 2091005
    assert emulator.feishu(f"{path}/transcript").json()["code"] == 2091005
    ids = {"meeting_record_id": TWO_FILES_RECORD, "meetingid": recording.meetingid}
    assert emulator.wecom("get_file_list", ids)["errcode"] == 60011
    file = {"record_file_id": recording.files[0].record_file_id, "meetingid": recording.meetingid}
    assert emulator.wecom("transcript/get_detail", file)["errcode"] == 60011
