"""The company that an emulator serves, and its times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Final

from airflow_provider_meetings.emulator.model.feishu import (
    FeishuArtifacts,
    FeishuMeeting,
    FeishuMinute,
    FeishuPost,
    FeishuStatistics,
)
from airflow_provider_meetings.emulator.model.wecom import WecomRecording

# A fixed offset: China has no daylight saving time, and Windows has no time zone database.
SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")


def milliseconds(time: datetime) -> int:
    """Return an aware datetime as a UNIX time in milliseconds."""
    return round(time.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Company:
    """All objects that the emulator serves, by id; statistics and artifacts by the token of their minute."""

    name: str
    feishu_meetings: Mapping[str, FeishuMeeting] = field(default_factory=dict)
    feishu_minutes: Mapping[str, FeishuMinute] = field(default_factory=dict)
    feishu_posts: Mapping[str, FeishuPost] = field(default_factory=dict)
    wecom_recordings: Mapping[str, WecomRecording] = field(default_factory=dict)
    feishu_statistics: Mapping[str, FeishuStatistics] = field(default_factory=dict)
    feishu_artifacts: Mapping[str, FeishuArtifacts] = field(default_factory=dict)

    def feishu_meetings_between(self, start: int, end: int, number: str = "") -> list[FeishuMeeting]:
        """Return the meetings that began from ``start`` to ``end`` (in seconds), the oldest first.

        :param number: only the meetings of this number; empty: all.
        """
        found = [
            meeting
            for meeting in self.feishu_meetings.values()
            if meeting.start and start <= meeting.start.timestamp() <= end and number in ("", meeting.meeting_no)
        ]
        return sorted(found, key=lambda meeting: (meeting.start, meeting.meeting_id))
