"""WeCom's token and the list of recordings."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import wecom as answers
from airflow_provider_meetings.emulator.answers.paging import page_of
from airflow_provider_meetings.emulator.answers.request_check import Handler
from airflow_provider_meetings.emulator.answers.wecom import authorized_body, invalid_parameter
from airflow_provider_meetings.emulator.model.company import milliseconds
from airflow_provider_meetings.emulator.model.wecom import WecomFile, WecomRecording
from airflow_provider_meetings.emulator.seed.credentials import WECOM_CORP_ID, WECOM_CORP_SECRET
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.emulator.wecom.listing import DONE, ListQuery, listed_state

_LIST: Final = "wecom.record_list"


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
    return answers.success(content)


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
}
