"""The default company."""

from __future__ import annotations

from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.seed.artifacts import ARTIFACTS, STATISTICS
from airflow_provider_meetings.emulator.seed.feishu import MEETINGS, MINUTES, POSTS
from airflow_provider_meetings.emulator.seed.wecom import recordings


def default_company() -> Company:
    """Return 蓝海机器人 (Bluewave Robotics) with meetings from 2026-10-05 to 2026-11-13, Asia/Shanghai."""
    return Company(
        name="Bluewave Robotics",
        feishu_meetings={meeting.meeting_id: meeting for meeting in MEETINGS},
        feishu_minutes={minute.token: minute for minute in MINUTES},
        feishu_posts={post.post_id: post for post in POSTS},
        wecom_recordings={recording.meeting_record_id: recording for recording in recordings()},
        feishu_statistics=dict(STATISTICS),
        feishu_artifacts=dict(ARTIFACTS),
    )
