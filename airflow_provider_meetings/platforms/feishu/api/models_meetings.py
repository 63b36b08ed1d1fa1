"""Meetings in Feishu's answers: those of the administrator's report, and those of a meeting number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.http.fields import Fields, Raw
from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.platforms.feishu.api.models import FeishuAnswer

_TIME = re.compile(r"([0-9]{4})\.([0-9]{2})\.([0-9]{2}) ([0-9:]{8}) \(GMT([+-][0-9]{2}:[0-9]{2})\)")
_DURATION = re.compile(r"([0-9]{1,9}):([0-5][0-9]):([0-5][0-9])")


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
def _display_time(read: Fields, raw: Raw, name: str) -> DateTime | None:
    """Read "2022.12.23 11:16:59 (GMT+08:00)", the only documented form."""
    text = read.text(raw, name)
    if text is None:
        return None
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        year, month, day, clock, offset = match.groups()
        return pendulum.instance(datetime.fromisoformat(f"{year}-{month}-{day}T{clock}{offset}")).in_timezone("UTC")
    except (ValueError, OverflowError):
        raise read.undocumented(name, text) from None


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
def _display_duration(read: Fields, raw: Raw, name: str) -> int | None:
    """Read "00:01:52" as seconds; the hours may have more than two digits."""
    text = read.text(raw, name)
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if match is None:
        raise read.undocumented(name, text)
    hours, minutes, seconds = (int(part) for part in match.groups())
    return (hours * 60 + minutes) * 60 + seconds


def _meeting_number(read: Fields, raw: Raw, name: str) -> str | None:
    """Read the 9-digit number; required in an answer without the instance id."""
    return read.text(raw, name) if read.text(raw, "meeting_instance_id") else read.required(raw, name)


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
@dataclass(frozen=True, slots=True)
class MeetingInfo(FeishuAnswer):
    """A meeting of the report: times in UTC, `meeting_duration` in seconds.

    `meeting_id` is the 9-digit number. `meeting_instance_id` is the id for requesting the recording; older answers may
    lack it. `recording` shows whether the meeting was recorded. The participants are only in `raw`.
    """

    meeting_id: Annotated[str | None, _meeting_number]
    meeting_instance_id: str | None
    meeting_topic: str | None
    meeting_start_time: Annotated[DateTime | None, _display_time]
    meeting_end_time: Annotated[DateTime | None, _display_time]
    meeting_duration: Annotated[int | None, _display_duration]
    recording: bool | None


# https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no
@dataclass(frozen=True, slots=True)
class MeetingBrief(NeverPickled, FeishuAnswer):
    """A meeting of a number; `raw` holds the link to join and the password."""

    id: str
    meeting_no: str | None
    topic: str | None
