"""Feishu's meetings: the recording of one, and the ids behind a 9-digit number."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.paging import page_of
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.feishu.tokens import authorize
from airflow_provider_meetings.emulator.model.feishu import FeishuMeeting
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_USER
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_PARAM_ERROR: Final = 121003
_REFUSALS: Final = {"running": 122001, "forbidden": 121005, "unrecorded": 121004}


class FeishuMeetings:
    """Answer for the meetings of one company."""

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            self.gate.route("feishu.meetings_by_number", self.meetings_by_number),
            self.gate.route("feishu.meeting_recording", self.meeting_recording),
        ]

    # https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
    async def meeting_recording(self, request: Request) -> Response:
        """Answer with the page of the recording's minute, not with a file; ``duration`` is milliseconds in a string.

        A user's token opens the recordings of that user's own meetings alone.
        """
        name = "feishu.meeting_recording"
        caller = authorize(self.state, request, name, "tenant", "user")
        meeting_id = request.path_params["meeting_id"]
        if not (meeting_id.isascii() and meeting_id.isdigit()):
            raise answers.refused(name, _PARAM_ERROR)
        meeting = self.state.company.feishu_meetings.get(meeting_id)
        if meeting is None:
            raise answers.refused(name, 122002)
        if caller == "user" and meeting.organizer != FEISHU_USER:
            raise answers.refused(name, 121005)
        if meeting.status in _REFUSALS:
            raise answers.refused(name, _REFUSALS[meeting.status])
        waits = self.state.waits(meeting_id, processing=meeting.status == "processing")
        if waits and self.state.count_poll("meeting", meeting_id) < waits:
            raise answers.refused(name, 124002)
        minute = self.state.company.feishu_minutes[meeting.minute_token]
        recording = {
            "url": f"https://meetings.{self.state.domain}/minutes/{minute.token}",
            "duration": str(minute.duration),
        }
        return answers.success({"recording": recording}, self.state.now())

    # https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no
    async def meetings_by_number(self, request: Request) -> Response:
        """Answer with the meetings that were held under a number; times are asked in seconds.

        The page's limit of the last 90 days is off unless ``meetings_by_number_days`` is set: the company's dates are
        fixed. Assumed: a meeting belongs to a window by its start, both ends inside, oldest first.
        """
        name = "feishu.meetings_by_number"
        authorize(self.state, request, name, "tenant", "user")
        query = request.query_params
        number, start, end = (
            query.get("meeting_no", ""),
            seconds(query.get("start_time")),
            seconds(query.get("end_time")),
        )
        size = seconds(query.get("page_size", "20"))
        if not number.isdigit() or start is None or end is None or end < start or size is None or not 1 <= size <= 50:
            raise answers.refused(name, _PARAM_ERROR)
        if self.state.meetings_by_number_days is not None:
            start = max(start, int(self.state.now()) - self.state.meetings_by_number_days * 86400)
        found = held(self.state, start, end, number)
        try:
            page, following = page_of(
                found, size, query.get("page_token", ""), [number, query["start_time"], query["end_time"]]
            )
        except ValueError:
            raise answers.refused(name, _PARAM_ERROR) from None
        data: dict[str, Any] = {"has_more": bool(following), "meeting_briefs": [self._brief(one) for one in page]}
        if following:
            data["page_token"] = following
        # The page's example has an empty msg: who decides on the text instead of the code is caught here.
        return answers.success(data, self.state.now(), msg="")

    def _brief(self, meeting: FeishuMeeting) -> dict[str, str]:
        brief = {
            "id": meeting.meeting_id,
            "meeting_no": meeting.meeting_no,
            "password": meeting.password,
            "topic": meeting.topic,
            "url": f"https://vc.{self.state.domain}/j/{meeting.meeting_no}",
        }
        minute = self.state.company.feishu_minutes.get(meeting.minute_token)
        if minute is not None and minute.note_id:
            brief["note_id"] = minute.note_id
        return brief


def seconds(text: str | None) -> int | None:
    """Return a whole number that came as text, None if it is none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 12 else None


def held(state: EmulatorState, start: int, end: int, number: str = "") -> list[FeishuMeeting]:
    """Return the meetings that began from ``start`` to ``end`` in seconds, oldest first; of one number, if given."""
    found = [
        (meeting.start.timestamp(), meeting.meeting_id, meeting)
        for meeting in state.company.feishu_meetings.values()
        if meeting.start is not None and start <= meeting.start.timestamp() <= end
    ]
    return [meeting for _, _, meeting in sorted(found, key=lambda row: row[:2]) if number in ("", meeting.meeting_no)]
