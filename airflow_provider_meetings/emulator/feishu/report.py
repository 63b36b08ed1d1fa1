"""Feishu's report of meetings, made for people: times, durations and counts as an administrator reads them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.feishu import shown_user
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.feishu.meetings import held, seconds
from airflow_provider_meetings.emulator.feishu.tokens import authorize
from airflow_provider_meetings.emulator.model.company import SHANGHAI
from airflow_provider_meetings.emulator.model.feishu import FeishuMeeting
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_NAME: Final = "feishu.meeting_list"
_PARAM_ERROR: Final = 121003
_YEAR: Final = 366 * 86400
_MONTH: Final = 31 * 86400
_FILTERS: Final = ("meeting_no", "user_id", "room_id")
_SCHEDULED: Final = "3"


class FeishuReport:
    """Answer for the meetings of one company."""

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return the route."""
        return [self.gate.route(_NAME, self.meeting_list)]

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
    async def meeting_list(self, request: Request) -> Response:
        """Answer with one page of meetings, oldest first (assumed); ``page_token`` is the offset of the next.

        ``meeting_id`` is the 9-digit number here, ``meeting_instance_id`` the id of all other endpoints. New apps get
        the scope for users' tokens alone: ``meeting_list_tenant`` False answers like that.
        """
        caller = authorize(self.state, request, _NAME, "tenant", "user")
        if caller == "tenant" and not self.state.meeting_list_tenant:
            raise answers.refused(_NAME, 99991672)
        query = request.query_params
        start, end = self._range(request)
        size, offset = seconds(query.get("page_size", "20")), seconds(query.get("page_token", "0"))
        if size is None or not 20 <= size <= 100 or offset is None:
            raise answers.refused(_NAME, _PARAM_ERROR)
        if sum(bool(query.get(name)) for name in _FILTERS) > 1:
            raise answers.refused(_NAME, 126008)
        found = [
            self._described(request, meeting)
            for meeting in held(self.state, start, end, query.get("meeting_no", ""))
            if self._wanted(request, meeting)
        ]
        has_more = offset + size < len(found)
        content = {
            "meeting_list": found[offset : offset + size],
            "page_token": str(offset + size) if has_more else "",
            "has_more": has_more,
        }
        return answers.success(content, self.state.now())

    def _range(self, request: Request) -> tuple[int, int]:
        query = request.query_params
        start, end = seconds(query.get("start_time")), seconds(query.get("end_time"))
        status = query.get("meeting_status", "2")
        if start is None or end is None or end < start or status not in {"1", "2", _SCHEDULED}:
            raise answers.refused(_NAME, _PARAM_ERROR)
        if status == _SCHEDULED:
            if end - start > _MONTH:
                raise answers.refused(_NAME, 126016)
            return start, end
        if start > self.state.now():
            raise answers.refused(_NAME, 126005)
        if end - start > _YEAR:
            raise answers.refused(_NAME, 126006)
        return start, end

    def _wanted(self, request: Request, meeting: FeishuMeeting) -> bool:
        query = request.query_params
        organizer = shown_user(request, meeting.organizer, _NAME, _PARAM_ERROR)
        if query.get("user_id") not in (None, "", organizer):
            return False
        # Nobody here meets in rooms, nothing is cast (meeting_type 3), and nothing is scheduled (status 3).
        if query.get("room_id") or query.get("meeting_type", "1") == "3":
            return False
        status = "1" if meeting.status == "running" else "2"
        return query.get("meeting_status", "2") == status

    def _described(self, request: Request, meeting: FeishuMeeting) -> dict[str, Any]:
        organizer = meeting.organizer
        minute = self.state.company.feishu_minutes.get(meeting.minute_token)
        return {
            "meeting_id": meeting.meeting_no,
            "meeting_instance_id": meeting.meeting_id,
            "meeting_topic": meeting.topic,
            "meeting_type": 2,
            "organizer": organizer.name if organizer else "",
            "department": organizer.department if organizer else "",
            "user_id": shown_user(request, organizer, _NAME, _PARAM_ERROR),
            "employee_id": (organizer.employee_id or organizer.user_id) if organizer else "",
            "email": organizer.email if organizer else "",
            "mobile": "",
            "meeting_start_time": _shown(meeting.start),
            "meeting_end_time": _shown(meeting.end),
            "meeting_duration": _duration(meeting),
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


def _shown(moment: datetime | None) -> str:
    """Return ``2026.01.01 09:00:00 (GMT+08:00)``; an end that has not come is empty (assumed)."""
    return f"{moment.astimezone(SHANGHAI):%Y.%m.%d %H:%M:%S} (GMT+08:00)" if moment else ""


def _duration(meeting: FeishuMeeting) -> str:
    if meeting.start is None or meeting.end is None:
        return ""
    minutes, rest = divmod(round((meeting.end - meeting.start).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest:02}"
