"""Feishu's report of meetings, with times, durations and counts formatted for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.feishu.tokens import authorize
from airflow_provider_meetings.emulator.model.company import SHANGHAI
from airflow_provider_meetings.emulator.model.feishu import FeishuMeeting
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_NAME: Final = "feishu.meeting_list"
_PARAM_ERROR: Final = 121003
_YEAR: Final = 366 * 86400


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
async def meeting_list(state: EmulatorState, request: Request) -> Response:
    """Answer with one page of meetings, the oldest first (assumed); ``page_token`` is the offset of the next page.

    The filters of the page are left out, and scheduled meetings. ``meeting_id`` is the 9-digit number here;
    ``meeting_instance_id`` is the id of all other endpoints. For new apps only users' tokens have the scope;
    ``meeting_list_tenant`` False emulates such an app.
    """
    caller = authorize(state, request, _NAME, "tenant", "user")
    if caller == "tenant" and not state.meeting_list_tenant:
        raise answers.error(_NAME, 99991672)
    query = request.query_params
    start, end = answers.whole_number(query.get("start_time")), answers.whole_number(query.get("end_time"))
    status, offset = query.get("meeting_status", "2"), query.get("page_token", "")
    size = answers.whole_number(query.get("page_size", "20"))
    if start is None or end is None or end < start or status not in {"1", "2"}:
        raise answers.error(_NAME, _PARAM_ERROR)
    if size is None or not 20 <= size <= 100 or answers.whole_number(offset or "0") is None:
        raise answers.error(_NAME, _PARAM_ERROR)
    if start > state.calendar():
        raise answers.error(_NAME, 126005)
    if end - start > _YEAR:
        raise answers.error(_NAME, 126006)
    found = {
        meeting.meeting_id: meeting
        for meeting in state.company.feishu_meetings_between(start, end)
        if (meeting.status == "running") == (status == "1")
    }
    page, next_offset = state.pages.cut(_NAME, found, offset, size)
    rows = [_row(state, request, meeting) for meeting in page]
    data = {"meeting_list": rows, "page_token": next_offset or "", "has_more": next_offset is not None}
    return answers.success(data, state.now())


def _row(state: EmulatorState, request: Request, meeting: FeishuMeeting) -> dict[str, Any]:
    organizer = meeting.organizer
    minute = state.company.feishu_minutes.get(meeting.minute_token)
    return {
        "meeting_id": meeting.meeting_no,
        "meeting_instance_id": meeting.meeting_id,
        "meeting_topic": meeting.topic,
        "meeting_type": 2,
        "organizer": organizer.name if organizer else "",
        "department": organizer.department if organizer else "",
        "user_id": answers.user_id(request, organizer, _NAME, _PARAM_ERROR),
        "employee_id": (organizer.employee_id or organizer.user_id) if organizer else "",
        "email": organizer.email if organizer else "",
        "mobile": "",
        "meeting_start_time": _format_time(meeting.start),
        "meeting_end_time": _format_time(meeting.end),
        "meeting_duration": _format_duration(meeting),
        "number_of_participants": str(meeting.participants),
        "number_of_devices": str(meeting.devices),
        "audio": True,
        "video": True,
        "sharing": False,
        "recording": meeting.status != "unrecorded",
        "telephone": False,
        "has_related_document": False,
        "ai_note": bool(minute and minute.note_id),
        "is_external": False,
        "meeting_subtype": 0,
    }


def _format_time(time: datetime | None) -> str:
    """Return ``2026.01.01 09:00:00 (GMT+08:00)``; assumed: empty for the end of a running meeting."""
    return f"{time.astimezone(SHANGHAI):%Y.%m.%d %H:%M:%S} (GMT+08:00)" if time else ""


def _format_duration(meeting: FeishuMeeting) -> str:
    if meeting.start is None or meeting.end is None:
        return ""
    minutes, seconds = divmod(round((meeting.end - meeting.start).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"
