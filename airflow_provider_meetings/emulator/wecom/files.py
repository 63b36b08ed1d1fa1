"""WeCom's files of a recording: their links, for all files or for one."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import wecom as answers
from airflow_provider_meetings.emulator.answers.media import wecom_link
from airflow_provider_meetings.emulator.answers.wecom import (
    authorized_body,
    invalid_parameter,
    refuse,
    requested_file,
)
from airflow_provider_meetings.emulator.model.company import milliseconds
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.model.wecom import WecomFile
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.emulator.wecom.recordings import is_done


# https://developer.work.weixin.qq.com/document/path/98196
async def get_file_list(state: EmulatorState, request: Request) -> Response:
    """Answer with the files of a recording; links are valid for six hours, those of summaries for one.

    Assumed: 40058 for ids that do not match, and no files before state 3.
    """
    body = await authorized_body(state, request)
    recording = state.company.wecom_recordings.get(str(body.get("meeting_record_id")))
    if recording is None or recording.meetingid != body.get("meetingid"):
        raise invalid_parameter("no such meeting_record_id in this meetingid")
    refuse(recording)
    files = recording.files if is_done(state, recording) else ()
    content = {
        "meeting_record_id": recording.meeting_record_id,
        "meetingid": recording.meetingid,
        "meeting_code": recording.meeting_code,
        "title": recording.title,
        "record_files": [
            {**_links(state, request, file), "meeting_summary": _summaries(state, request, file)} for file in files
        ],
    }
    return answers.success(content)


# https://developer.work.weixin.qq.com/document/path/98205
async def get_file(state: EmulatorState, request: Request) -> Response:
    """Answer with one file, as in the page's example.

    In the table, ``meeting_summary`` is a list and the times are int64. Assumed: 40058 for ids that do not match and
    before state 3, the PDF as the only summary, and an object of empty strings without a summary.
    """
    recording, file = requested_file(state, await authorized_body(state, request))
    if not is_done(state, recording):
        raise invalid_parameter("the file is not transcoded yet")
    summary = min(
        _summaries(state, request, file),
        key=lambda one: one["file_type"] != "pdf",
        default={"download_address": "", "file_type": ""},
    )
    transcript = file.ai_transcript
    content: dict[str, Any] = {
        **_links(state, request, file),
        "meetingid": recording.meetingid,
        "meeting_code": recording.meeting_code,
        "meeting_summary": summary,
        "ai_meeting_transcripts": [_document(state, request, file, transcript, "-transcript")] if transcript else [],
        "record_name": file.record_name,
        "start_time": str(milliseconds(file.record_start_time)),
        "end_time": str(milliseconds(file.record_end_time)),
        "meeting_record_name": recording.title,
    }
    return answers.success(content)


def _links(state: EmulatorState, request: Request, file: WecomFile) -> dict[str, str]:
    page = f"<!doctype html><title>{file.record_file_id}</title><p>A player's page, not a recording.</p>"
    return {
        "record_file_id": file.record_file_id,
        "view_address": _link(state, request, file, Media.of(page.encode(), "html"), "-view"),
        "download_address": _link(state, request, file, file.video),
        "download_address_file_type": file.video.kind if file.video else "",
        "audio_address": _link(state, request, file, file.audio),
        "audio_address_file_type": file.audio.kind if file.audio else "",
    }


def _summaries(state: EmulatorState, request: Request, file: WecomFile) -> list[dict[str, str]]:
    return [_document(state, request, file, summary, "-summary") for summary in file.summaries]


def _document(state: EmulatorState, request: Request, file: WecomFile, media: Media, suffix: str) -> dict[str, str]:
    return {"download_address": _link(state, request, file, media, suffix), "file_type": media.kind}


def _link(state: EmulatorState, request: Request, file: WecomFile, media: Media | None, suffix: str = "") -> str:
    """Return a link to ``media``; an empty string without media."""
    if media is None:
        return ""
    return wecom_link(request, state, media, f"{file.record_file_id}{suffix}.{media.kind}", file.record_file_id)
