"""WeCom's endpoints: tokens, the list of recordings, the ids of a member's meetings."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import wecom as answers
from airflow_provider_meetings.emulator.answers.paging import page_of
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.answers.wecom import integer, invalid, signed_body, text
from airflow_provider_meetings.emulator.model.company import milliseconds
from airflow_provider_meetings.emulator.model.wecom import WecomFile, WecomMeeting, WecomRecording
from airflow_provider_meetings.emulator.seed.credentials import WECOM_CORP_ID, WECOM_CORP_SECRET
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.emulator.wecom.listing import DONE, ListQuery, listed_state

_LONGEST_SPAN: Final = 180 * 24 * 3600
_HIGHEST_LIMIT: Final = 100


class Wecom:
    """Answer for one company, whose every meeting was created by the one app."""

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            self.gate.route("wecom.gettoken", self.gettoken),
            self.gate.route("wecom.record_list", self.record_list),
            self.gate.route("wecom.get_user_meetingid", self.get_user_meetingid),
        ]

    # https://developer.work.weixin.qq.com/document/path/91039
    async def gettoken(self, request: Request) -> Response:
        """Answer with the token and ``expires_in`` in seconds; the same token as long as it lives."""
        corpid = request.query_params.get("corpid", "")
        secret = request.query_params.get("corpsecret", "")
        if not corpid:
            raise answers.refused(41002)
        if not secret:
            raise answers.refused(41004)
        if corpid != WECOM_CORP_ID:
            raise answers.refused(40013)
        if secret != WECOM_CORP_SECRET:
            raise answers.refused(40001)
        token, expires_in = self.state.issue_token("wecom")
        return answers.success({"access_token": token, "expires_in": expires_in})

    # https://developer.work.weixin.qq.com/document/path/98192
    async def record_list(self, request: Request) -> Response:
        """Answer with one page. Questions are asked in seconds and answered in milliseconds.

        An unknown meeting or member is an empty list (assumed): the page names no error for it.
        """
        body = await signed_body(self.state, request)
        page, cursor = ListQuery.parse(body).page(self.state.company.wecom_recordings.values())
        # The table of the page and its example disagree on both names.
        by_table = self.state.wecom_spelling == "record_list"
        files_name = "record_file_list" if by_table else "record_files"
        content: dict[str, Any] = {}
        # The table lists it, the example lacks it where there is no more.
        if cursor or self.state.has_more == "always":
            content["has_more"] = bool(cursor)
        if cursor:
            content["next_cursor"] = cursor
        content[self.state.wecom_spelling] = [self._record(recording, files_name) for recording in page]
        return answers.success(content, warning=self.state.wecom_warning)

    # https://developer.work.weixin.qq.com/document/path/97457
    async def get_user_meetingid(self, request: Request) -> Response:
        """Answer with the meetings that the app created for a member; an empty ``next_cursor`` is the end.

        Assumed: both ends of the window are inside, a cursor that did not come is "0", limit is 100 unless given, and
        the order is that of the first start. A series is one meeting.
        """
        body = await signed_body(self.state, request)
        userid, cursor = text(body, "userid"), text(body, "cursor")
        begin, end = integer(body, "begin_time"), integer(body, "end_time")
        limit = integer(body, "limit", _HIGHEST_LIMIT)
        if not userid:
            raise invalid("userid is required")
        if not 1 <= limit <= _HIGHEST_LIMIT:
            raise invalid(f"limit must be 1 to {_HIGHEST_LIMIT}")
        if end < begin:
            raise invalid("end_time is before begin_time")
        if end - begin > _LONGEST_SPAN:
            raise invalid("begin_time and end_time are more than 180 days apart")
        found = self._meetings(userid, begin, end)
        try:
            page, following = page_of(found, limit, "" if cursor == "0" else cursor, [userid, begin, end])
        except ValueError:
            raise invalid("unknown cursor") from None
        content = {"next_cursor": following, "meetingid_list": list(page)}
        return answers.success(content, warning=self.state.wecom_warning)

    def _meetings(self, userid: str, begin: int, end: int) -> list[str]:
        company = self.state.company
        meetings = [*company.wecom_meetings.values()]
        meetings += [
            WecomMeeting(recording.meetingid, recording.creator, recording.meeting_start_time)
            for recording in company.wecom_recordings.values()
        ]
        meetings.sort(key=lambda meeting: (meeting.meeting_start_time, meeting.meetingid))
        # A dict keeps the first of those that are one meeting, and the order.
        return list(
            {
                meeting.meetingid: None
                for meeting in meetings
                if meeting.creator == userid and begin <= meeting.meeting_start_time.timestamp() <= end
            }
        )

    def _record(self, recording: WecomRecording, files_name: str) -> dict[str, Any]:
        record: dict[str, Any] = {
            "meeting_record_id": recording.meeting_record_id,
            "meetingid": recording.meetingid,
            "meeting_code": recording.meeting_code,
            "host_user_id": recording.host_user_id,
            "meeting_start_time": milliseconds(recording.meeting_start_time),
            "title": recording.title,
            "state": listed_state(self.state, recording),
        }
        # "Only when transcoded is the list of files returned": before that the key is absent, not empty.
        if record["state"] == DONE or recording.files_at_any_state:
            record[files_name] = [_file(file) for file in recording.files]
        return record


def _file(file: WecomFile) -> dict[str, Any]:
    media = file.video or file.audio
    size = file.record_size if file.record_size is not None else media.size if media else 0
    described: dict[str, Any] = {
        "record_file_id": file.record_file_id,
        "record_start_time": milliseconds(file.record_start_time),
        "record_end_time": milliseconds(file.record_end_time),
        "record_size": size,
        "sharing_state": 1 if file.sharing else 0,
        "sharing_expire": file.sharing.expire if file.sharing else 0,
    }
    if file.sharing:
        described |= {
            "sharing_url": file.sharing.url,
            "required_same_corp": file.sharing.required_same_corp,
            "required_attendee": file.sharing.required_attendee,
            "password": file.sharing.password,
            "allow_download": file.sharing.allow_download,
        }
    return described
