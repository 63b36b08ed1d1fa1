"""Feishu's meetings: the recording of a meeting, and the meetings of a 9-digit number."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.feishu.tokens import authorize
from airflow_provider_meetings.emulator.model.feishu import FeishuMeeting
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_USER
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_RECORDING: Final = "feishu.meeting_recording"
_BY_NUMBER: Final = "feishu.meetings_by_number"
_PARAM_ERROR: Final = 121003
_STATUS_CODES: Final = {"running": 122001, "forbidden": 121005, "unrecorded": 121004}


# https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
async def meeting_recording(state: EmulatorState, request: Request) -> Response:
    """Answer with the page of the recording's minute, not with a file; ``duration`` is milliseconds in a string.

    With a user's token only the recordings of the user's own meetings are accessible.
    """
    caller = authorize(state, request, _RECORDING, "tenant", "user")
    meeting_id = request.path_params["meeting_id"]
    if not (meeting_id.isascii() and meeting_id.isdigit()):
        raise answers.error(_RECORDING, _PARAM_ERROR)
    meeting = state.company.feishu_meetings.get(meeting_id)
    if meeting is None:
        raise answers.error(_RECORDING, 122002)
    if caller == "user" and meeting.organizer != FEISHU_USER:
        raise answers.error(_RECORDING, 121005)
    if meeting.status in _STATUS_CODES:
        raise answers.error(_RECORDING, _STATUS_CODES[meeting.status])
    needed = state.polls_needed(meeting_id, processing=meeting.status == "processing")
    if needed and state.count_poll("meeting", meeting_id) < needed:
        raise answers.error(_RECORDING, 124002)
    minute = state.company.feishu_minutes[meeting.minute_token]
    recording = {
        "url": f"https://meetings.{state.domain}/minutes/{minute.token}",
        "duration": str(minute.duration),
    }
    return answers.success({"recording": recording}, state.now())


# https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no
async def meetings_by_number(state: EmulatorState, request: Request) -> Response:
    """Answer with the meetings of a number; the request's times are in seconds.

    The page's limit of the last 90 days is left out, because the company's dates are fixed. Assumed: the start of a
    meeting decides, both ends of the window are included, the oldest is first.
    """
    authorize(state, request, _BY_NUMBER, "tenant", "user")
    query = request.query_params
    number = query.get("meeting_no", "")
    start, end = answers.whole_number(query.get("start_time")), answers.whole_number(query.get("end_time"))
    size = answers.whole_number(query.get("page_size", "20"))
    if not number.isdigit() or start is None or end is None or end < start or size is None or not 1 <= size <= 50:
        raise answers.error(_BY_NUMBER, _PARAM_ERROR)
    parameters = [number, query["start_time"], query["end_time"]]
    found = {meeting.meeting_id: meeting for meeting in state.company.feishu_meetings_between(start, end, number)}
    try:
        page, next_token = state.pages.page(_BY_NUMBER, found, size, query.get("page_token", ""), parameters)
    except ValueError:
        raise answers.error(_BY_NUMBER, _PARAM_ERROR) from None
    briefs = [_brief(state, meeting) for meeting in page]
    data: dict[str, Any] = {"has_more": next_token is not None, "meeting_briefs": briefs}
    if next_token:
        data["page_token"] = next_token
    # The page's example has an empty msg; a client that checks msg instead of code fails here.
    return answers.success(data, state.now(), msg="")


def _brief(state: EmulatorState, meeting: FeishuMeeting) -> dict[str, str]:
    brief = {
        "id": meeting.meeting_id,
        "meeting_no": meeting.meeting_no,
        "password": meeting.password,
        "topic": meeting.topic,
        "url": f"https://vc.{state.domain}/j/{meeting.meeting_no}",
    }
    minute = state.company.feishu_minutes.get(meeting.minute_token)
    if minute is not None and minute.note_id:
        brief["note_id"] = minute.note_id
    return brief
