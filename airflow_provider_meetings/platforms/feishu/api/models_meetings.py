"""Meetings in Feishu's answers: those of the administrator's report, and those of a meeting number."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.platforms.feishu.api.models import FeishuAnswer


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
@dataclass(frozen=True, slots=True)
class MeetingInfo(FeishuAnswer):
    """A meeting of the report; its times, participants and devices are only in `raw`, as the platform displays them.

    `meeting_id` is the 9-digit number. `meeting_instance_id` is the id for requesting the recording; older answers may
    lack it. `recording` shows whether the meeting was recorded.
    """

    meeting_id: str | None
    meeting_instance_id: str | None
    meeting_topic: str | None
    recording: bool | None


# https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no
@dataclass(frozen=True, slots=True)
class MeetingBrief(NeverPickled, FeishuAnswer):
    """A meeting of a number; `raw` holds the link to join and the password."""

    id: str
    meeting_no: str | None
    topic: str | None
