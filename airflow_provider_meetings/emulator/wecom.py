"""WeCom's endpoints: tokens, the list of recordings, the addresses of a recording's files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator import wecom_answers as answers
from airflow_provider_meetings.emulator.company import WECOM_CORP_ID, WECOM_CORP_SECRET
from airflow_provider_meetings.emulator.downloads import wecom_address
from airflow_provider_meetings.emulator.media import Media
from airflow_provider_meetings.emulator.model import WecomFile, WecomRecording, milliseconds
from airflow_provider_meetings.emulator.state import EmulatorState
from airflow_provider_meetings.emulator.wecom_answers import WecomError
from airflow_provider_meetings.emulator.wecom_listing import ListQuery

_RECORDING: Final = 1
# The page lists 1 and 3 only; 2 is Tencent Meeting's "transcoding", from the twin of this API.
_TRANSCODING: Final = 2
_DONE: Final = 3


class Wecom:
    """Answer for one company, whose every meeting was created by the one app."""

    def __init__(self, state: EmulatorState) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            Route("/cgi-bin/gettoken", self.gettoken),
            Route("/cgi-bin/meeting/record/list", self.record_list, methods=["POST"]),
            Route("/cgi-bin/meeting/record/get_file_list", self.get_file_list, methods=["POST"]),
        ]

    # https://developer.work.weixin.qq.com/document/path/91039
    async def gettoken(self, request: Request) -> Response:
        """Answer with the token and ``expires_in`` in seconds; the same token as long as it lives."""
        self.state.count_token_request("wecom")
        corpid = request.query_params.get("corpid", "")
        secret = request.query_params.get("corpsecret", "")
        if not corpid:
            raise WecomError(*answers.CORPID_MISSING)
        if not secret:
            raise WecomError(*answers.SECRET_MISSING)
        if corpid != WECOM_CORP_ID:
            raise WecomError(*answers.CORPID_INVALID)
        if secret != WECOM_CORP_SECRET:
            raise WecomError(*answers.SECRET_INVALID)
        token, expires_in = self.state.issue_token("wecom")
        return answers.success({"access_token": token, "expires_in": expires_in})

    # https://developer.work.weixin.qq.com/document/path/98192
    async def record_list(self, request: Request) -> Response:
        """Answer with one page. Questions are asked in seconds and answered in milliseconds.

        An unknown meeting or member is an empty list (assumed): the page names no error for it.
        """
        body = await self._body(request)
        page, cursor = ListQuery.parse(body).page(self.state.company.wecom_recordings.values())
        # The table of the page and its example disagree on both names.
        by_table = self.state.wecom_spelling == "record_list"
        files_name = "record_file_list" if by_table else "record_files"
        content: dict[str, Any] = {"has_more": bool(cursor)}
        if cursor:
            content["next_cursor"] = cursor
        content[self.state.wecom_spelling] = [self._record(recording, files_name) for recording in page]
        return answers.success(content)

    # https://developer.work.weixin.qq.com/document/path/98196
    async def get_file_list(self, request: Request) -> Response:
        """Answer with addresses that are valid for six hours; one that does not exist is an empty string.

        Assumed: 40058 for ids that do not belong together, and no files before state 3.
        """
        body = await self._body(request)
        recording = self.state.company.wecom_recordings.get(str(body.get("meeting_record_id")))
        if recording is None or recording.meetingid != body.get("meetingid"):
            raise WecomError(
                answers.PARAMETER_INVALID, "invalid parameter: no such meeting_record_id in this meetingid"
            )
        polls = self.state.polls("recording", recording.meeting_record_id)
        # The state that the latest listing showed; that listing is among the polls.
        done = self._state(recording, max(0, polls - 1)) == _DONE
        return answers.success(
            {
                "meeting_record_id": recording.meeting_record_id,
                "meetingid": recording.meetingid,
                "meeting_code": recording.meeting_code,
                "title": recording.title,
                "record_files": [self._addresses(request, file) for file in recording.files] if done else [],
            }
        )

    # https://developer.work.weixin.qq.com/document/path/90455
    async def _body(self, request: Request) -> Mapping[str, Any]:
        token = request.query_params.get("access_token", "")
        if not token:
            raise WecomError(*answers.TOKEN_MISSING)
        standing = self.state.token_standing("wecom", token)
        if standing != "valid":
            raise WecomError(*(answers.TOKEN_EXPIRED if standing == "expired" else answers.TOKEN_INVALID))
        try:
            body = await request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise WecomError(*answers.JSON_INVALID)
        return body

    def _state(self, recording: WecomRecording, polls: int) -> int:
        if recording.fate == "recording":
            return _RECORDING
        if recording.fate == "processing" and polls < self.state.not_ready_polls:
            return _RECORDING
        if recording.fate == "processing" and polls < 2 * self.state.not_ready_polls:
            return _TRANSCODING
        return _DONE

    def _record(self, recording: WecomRecording, files_name: str) -> dict[str, Any]:
        record: dict[str, Any] = {
            "meeting_record_id": recording.meeting_record_id,
            "meetingid": recording.meetingid,
            "meeting_code": recording.meeting_code,
            "host_user_id": recording.host_user_id,
            "meeting_start_time": milliseconds(recording.meeting_start_time),
            "title": recording.title,
            "state": self._state(recording, self.state.count_poll("recording", recording.meeting_record_id)),
        }
        # "Only when transcoded is the list of files returned": before that the key is absent, not empty.
        if record["state"] == _DONE:
            record[files_name] = [_file(file) for file in recording.files]
        return record

    def _addresses(self, request: Request, file: WecomFile) -> dict[str, Any]:
        def address(media: Media | None, suffix: str = "") -> str:
            if media is None:
                return ""
            return wecom_address(request, self.state, media, f"{file.record_file_id}{suffix}.{media.kind}")

        page = f"<!doctype html><title>{file.record_file_id}</title><p>A player's page, not a recording.</p>"
        return {
            "record_file_id": file.record_file_id,
            "view_address": address(Media.of(page.encode(), "html"), "-view"),
            "download_address": address(file.video),
            "download_address_file_type": file.video.kind if file.video else "",
            "audio_address": address(file.audio),
            "audio_address_file_type": file.audio.kind if file.audio else "",
            "meeting_summary": [
                {"download_address": address(summary, "-summary"), "file_type": summary.kind}
                for summary in file.summaries
            ],
        }


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
