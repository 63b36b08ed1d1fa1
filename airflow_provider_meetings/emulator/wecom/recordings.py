"""WeCom's token, the list of recordings, and the meeting ids of a member."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import wecom as answers
from airflow_provider_meetings.emulator.answers.paging import page_of
from airflow_provider_meetings.emulator.answers.request_check import Handler
from airflow_provider_meetings.emulator.answers.wecom import authorized_body, integer, invalid_parameter, text
from airflow_provider_meetings.emulator.model.company import Company, milliseconds
from airflow_provider_meetings.emulator.model.wecom import WecomFile, WecomMeeting, WecomRecording
from airflow_provider_meetings.emulator.seed.credentials import WECOM_CORP_ID, WECOM_CORP_SECRET
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.emulator.wecom.listing import DONE, ListQuery, listed_state

_LIST: Final = "wecom.record_list"
_MEETINGS: Final = "wecom.get_user_meetingid"
_MAX_SPAN: Final = 180 * 24 * 3600
_MAX_LIMIT: Final = 100


# https://developer.work.weixin.qq.com/document/path/91039
async def gettoken(state: EmulatorState, request: Request) -> Response:
    """Answer with the token and ``expires_in`` in seconds; the same token until it expires."""
    corpid = request.query_params.get("corpid", "")
    secret = request.query_params.get("corpsecret", "")
    if not corpid:
        raise answers.error(41002)
    if not secret:
        raise answers.error(41004)
    if corpid != WECOM_CORP_ID:
        raise answers.error(40013)
    if secret != WECOM_CORP_SECRET:
        raise answers.error(40001)
    token, expires_in = state.issue_token("wecom")
    return answers.success({"access_token": token, "expires_in": expires_in})


# https://developer.work.weixin.qq.com/document/path/98192
async def record_list(state: EmulatorState, request: Request) -> Response:
    """Answer with one page. Times are seconds in the request and milliseconds in the answer.

    Assumed: an empty list for an unknown meeting or member; the page names no error for it.
    """
    body = await authorized_body(state, request)
    query = ListQuery.parse(body)
    try:
        page, cursor = page_of(
            state, _LIST, query.found(state.company.wecom_recordings), query.limit, query.cursor, query.parameters()
        )
    except ValueError:
        raise invalid_parameter("unknown cursor, or one of a call with another limit or other parameters") from None
    # The page's table and its example use different names for both lists.
    files_name = "record_file_list" if state.wecom_spelling == "record_list" else "record_files"
    content: dict[str, Any] = {}
    # The table lists it; the example has none on the last page.
    if cursor is not None or state.has_more == "always":
        content["has_more"] = cursor is not None
    if cursor:
        content["next_cursor"] = cursor
    content[state.wecom_spelling] = [_record(state, recording, files_name) for recording in page]
    return answers.success(content, warning=state.wecom_warning)


# https://developer.work.weixin.qq.com/document/path/97457
async def get_user_meetingid(state: EmulatorState, request: Request) -> Response:
    """Answer with the meetings that the app created for a member; an empty ``next_cursor`` is the end.

    Assumed: both ends of the window are included, the default cursor is "0", the default limit is 100, and the meetings
    are in the order of their first start. A series is one meeting.
    """
    body = await authorized_body(state, request)
    userid, cursor = text(body, "userid"), text(body, "cursor")
    begin, end = integer(body, "begin_time"), integer(body, "end_time")
    limit = integer(body, "limit", _MAX_LIMIT)
    if not userid:
        raise invalid_parameter("userid is required")
    if not 1 <= limit <= _MAX_LIMIT:
        raise invalid_parameter(f"limit must be 1 to {_MAX_LIMIT}")
    if end < begin:
        raise invalid_parameter("end_time is before begin_time")
    if end - begin > _MAX_SPAN:
        raise invalid_parameter("begin_time and end_time are more than 180 days apart")
    found = _meetings(state.company, userid, begin, end)
    try:
        page, next_cursor = page_of(
            state, _MEETINGS, found, limit, "" if cursor == "0" else cursor, [userid, begin, end]
        )
    except ValueError:
        raise invalid_parameter("unknown cursor") from None
    return answers.success({"next_cursor": next_cursor or "", "meetingid_list": page}, warning=state.wecom_warning)


def _meetings(company: Company, userid: str, begin: int, end: int) -> dict[str, str]:
    meetings = [
        *company.wecom_meetings.values(),
        *(
            WecomMeeting(recording.meetingid, recording.creator, recording.meeting_start_time)
            for recording in company.wecom_recordings.values()
        ),
    ]
    meetings.sort(key=lambda meeting: (meeting.meeting_start_time, meeting.meetingid))
    return {
        meeting.meetingid: meeting.meetingid
        for meeting in meetings
        if meeting.creator == userid and begin <= meeting.meeting_start_time.timestamp() <= end
    }


def _record(state: EmulatorState, recording: WecomRecording, files_name: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "meeting_record_id": recording.meeting_record_id,
        "meetingid": recording.meetingid,
        "meeting_code": recording.meeting_code,
        "host_user_id": recording.host_user_id,
        "meeting_start_time": milliseconds(recording.meeting_start_time),
        "title": recording.title,
        "state": listed_state(state, recording),
    }
    # "Only when transcoded is the list of files returned": before, the key is absent.
    if record["state"] == DONE or recording.files_at_any_state:
        record[files_name] = [_file(file) for file in recording.files]
    return record


def _file(file: WecomFile) -> dict[str, Any]:
    media = file.video or file.audio
    size = file.record_size if file.record_size is not None else media.size if media else 0
    row: dict[str, Any] = {
        "record_file_id": file.record_file_id,
        "record_start_time": milliseconds(file.record_start_time),
        "record_end_time": milliseconds(file.record_end_time),
        "record_size": size,
        "sharing_state": 1 if file.sharing else 0,
        "sharing_expire": file.sharing.expire if file.sharing else 0,
    }
    if file.sharing:
        row |= {
            "sharing_url": file.sharing.url,
            "required_same_corp": file.sharing.required_same_corp,
            "required_attendee": file.sharing.required_attendee,
            "password": file.sharing.password,
            "allow_download": file.sharing.allow_download,
        }
    return row


HANDLERS: Final[dict[str, Handler]] = {
    "wecom.gettoken": gettoken,
    _LIST: record_list,
    _MEETINGS: get_user_meetingid,
}
