from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_meetings.emulator.model.company import SHANGHAI
from airflow_provider_meetings.emulator.seed import wecom as seed
from airflow_provider_meetings.emulator.seed.company import default_company


def test_feishu_meetings_are_complete() -> None:
    company = default_company()
    for meeting in company.feishu_meetings.values():
        assert len(meeting.meeting_no) == 9
        assert meeting.meeting_no.isdigit()
        assert meeting.topic
        assert meeting.organizer
        assert meeting.start
        assert (meeting.end is None) == (meeting.status == "running")
        minute = company.feishu_minutes.get(meeting.minute_token)
        if minute and meeting.end:
            assert meeting.start <= minute.create_time <= meeting.end
            assert minute.owner == meeting.organizer


def test_wecom_recordings_match_the_documentation() -> None:
    recordings = list(default_company().wecom_recordings.values())
    assert len({recording.meeting_record_id for recording in recordings}) == len(recordings) >= 45
    assert {recording.creator for recording in recordings} == set(seed.OWNERS)
    starts = [recording.meeting_start_time for recording in recordings]
    assert min(starts) >= datetime(2026, 10, 5, 9, tzinfo=SHANGHAI)
    assert max(starts) <= datetime(2026, 11, 13, 18, tzinfo=SHANGHAI)
    assert all(start.utcoffset() == timedelta(hours=8) for start in starts)
    sizes = [file.video.size for recording in recordings for file in recording.files if file.video]
    assert min(sizes) >= 20_000
    assert max(sizes) <= 1_500_000
