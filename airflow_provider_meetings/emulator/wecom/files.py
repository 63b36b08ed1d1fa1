"""WeCom's files of a recording: their addresses, all at once and one by one."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import wecom as answers
from airflow_provider_meetings.emulator.answers.media import wecom_address
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.answers.wecom import file_asked_for, invalid, signed_body
from airflow_provider_meetings.emulator.model.company import milliseconds
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.model.wecom import WecomFile
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.emulator.wecom.listing import is_done


class WecomFiles:
    """Answer with addresses that are valid for six hours; one that does not exist is an empty string."""

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return both routes."""
        return [
            self.gate.route("wecom.get_file_list", self.get_file_list),
            self.gate.route("wecom.get_file", self.get_file),
        ]

    # https://developer.work.weixin.qq.com/document/path/98196
    async def get_file_list(self, request: Request) -> Response:
        """Answer with the files of a recording.

        Assumed: 40058 for ids that do not belong together, and no files before state 3.
        """
        body = await signed_body(self.state, request)
        recording = self.state.company.wecom_recordings.get(str(body.get("meeting_record_id")))
        if recording is None or recording.meetingid != body.get("meetingid"):
            raise invalid("no such meeting_record_id in this meetingid")
        files = recording.files if is_done(self.state, recording) else ()
        content = {
            "meeting_record_id": recording.meeting_record_id,
            "meetingid": recording.meetingid,
            "meeting_code": recording.meeting_code,
            "title": recording.title,
            "record_files": [
                {**self._addresses(request, file), "meeting_summary": self._summaries(request, file)} for file in files
            ],
        }
        return answers.success(content, warning=self.state.wecom_warning)

    # https://developer.work.weixin.qq.com/document/path/98205
    async def get_file(self, request: Request) -> Response:
        """Answer with one file. The page's example and table disagree twice, and knobs choose.

        ``meeting_summary`` is an object in the example and a list in the table; times are text in the example and
        int64 in the table. Assumed: 40058 for ids that do not belong together and before state 3, the PDF where there
        is room for one summary only, and an object of empty strings where there is none.
        """
        recording, file = file_asked_for(self.state, await signed_body(self.state, request))
        if not is_done(self.state, recording):
            raise invalid("the file is not transcoded yet")
        summaries = self._summaries(request, file)
        first = min(
            summaries, key=lambda one: one["file_type"] != "pdf", default={"download_address": "", "file_type": ""}
        )
        said = file.ai_transcript
        content: dict[str, Any] = {
            **self._addresses(request, file),
            "meetingid": recording.meetingid,
            "meeting_code": recording.meeting_code,
            "meeting_summary": summaries if self.state.meeting_summary == "list" else first,
            "ai_meeting_transcripts": [_typed(self._address(request, file, said, "-transcript"), said)] if said else [],
            "record_name": file.record_name,
            "start_time": milliseconds(file.record_start_time),
            "end_time": milliseconds(file.record_end_time),
            "meeting_record_name": recording.title,
        }
        if self.state.file_times == "text":
            content |= {name: str(content[name]) for name in ("start_time", "end_time")}
        return answers.success(content, warning=self.state.wecom_warning)

    def _addresses(self, request: Request, file: WecomFile) -> dict[str, str]:
        page = f"<!doctype html><title>{file.record_file_id}</title><p>A player's page, not a recording.</p>"
        return {
            "record_file_id": file.record_file_id,
            "view_address": self._address(request, file, Media.of(page.encode(), "html"), "-view"),
            "download_address": self._address(request, file, file.video),
            "download_address_file_type": file.video.kind if file.video else "",
            "audio_address": self._address(request, file, file.audio),
            "audio_address_file_type": file.audio.kind if file.audio else "",
        }

    def _summaries(self, request: Request, file: WecomFile) -> list[dict[str, str]]:
        return [_typed(self._address(request, file, summary, "-summary"), summary) for summary in file.summaries]

    def _address(self, request: Request, file: WecomFile, media: Media | None, suffix: str = "") -> str:
        if media is None:
            return ""
        filename = f"{file.record_file_id}{suffix}.{media.kind}"
        return wecom_address(request, self.state, media, filename, file.record_file_id)


def _typed(address: str, media: Media) -> dict[str, str]:
    return {"download_address": address, "file_type": media.kind}
