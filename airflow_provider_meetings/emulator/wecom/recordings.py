"""WeCom's token, the list of recordings, and the state of a recording."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import wecom as answers
from airflow_provider_meetings.emulator.answers.wecom import authorized_body, integer, invalid_parameter, text
from airflow_provider_meetings.emulator.model.company import milliseconds
from airflow_provider_meetings.emulator.model.wecom import WecomFile, WecomRecording
from airflow_provider_meetings.emulator.seed.credentials import WECOM_CORP_ID, WECOM_CORP_SECRET
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_LIST: Final = "wecom.record_list"
_MAX_SPAN: Final = 31 * 24 * 3600
_DEFAULT_LIMIT: Final = 10
_MAX_LIMIT: Final = 20
_RECORDING: Final = 1
# The page lists only 1 and 3; 2 is "transcoding" in Tencent Meeting's API, which is nearly the same.
_TRANSCODING: Final = 2
_DONE: Final = 3


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

    Assumed: an empty list for an unknown meeting or member, since the page names no error for it; the meeting's start
    decides, both ends of the window are included, and the oldest is first; of the ids, the first one counts. For a
    cursor the page names only the limit; that it requires the other parameters too is assumed.
    """
    body = await authorized_body(state, request)
    ids = {name: text(body, name) for name in ("meetingid", "meeting_code", "userid")}
    start, end = integer(body, "start_time"), integer(body, "end_time")
    limit = integer(body, "limit", _DEFAULT_LIMIT)
    if not 1 <= limit <= _MAX_LIMIT:
        raise invalid_parameter(f"limit must be 1 to {_MAX_LIMIT}")
    if end < start:
        raise invalid_parameter("end_time is before start_time")
    if end - start > _MAX_SPAN:
        raise invalid_parameter("start_time and end_time are more than 31 days apart")
    selector = next((name for name, value in ids.items() if value), None)
    if selector is None:
        raise invalid_parameter("one of meetingid, meeting_code and userid is required")
    field = "creator" if selector == "userid" else selector
    found = [
        recording
        for recording in state.company.wecom_recordings.values()
        if getattr(recording, field) == ids[selector]
        and start * 1000 <= milliseconds(recording.meeting_start_time) <= end * 1000
    ]
    found.sort(key=lambda recording: (recording.meeting_start_time, recording.meeting_record_id))
    by_id = {recording.meeting_record_id: recording for recording in found}
    try:
        page, cursor = state.pages.page(_LIST, by_id, limit, text(body, "cursor"), [limit, *ids.values(), start, end])
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
        # Each list is a poll.
        "state": _state_after(state, recording, state.count_poll("recording", recording.meeting_record_id)),
    }
    # "Only when transcoded is the list of files returned": before, the key is absent.
    if record["state"] == _DONE or recording.files_at_any_state:
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


def is_done(state: EmulatorState, recording: WecomRecording) -> bool:
    """Return whether the latest list showed state 3."""
    polls = state.polls("recording", recording.meeting_record_id)
    return _state_after(state, recording, max(0, polls - 1)) == _DONE


def _state_after(state: EmulatorState, recording: WecomRecording, polls: int) -> int:
    if recording.status == "recording":
        return _RECORDING
    needed = state.polls_needed(recording.meeting_record_id, processing=recording.status == "processing")
    if polls < needed:
        return _RECORDING
    return _TRANSCODING if polls < 2 * needed else _DONE
