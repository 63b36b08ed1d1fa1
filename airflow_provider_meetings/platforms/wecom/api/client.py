"""WeCom's endpoints, one method each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from math import ceil, floor
from typing import Any

from pendulum import DateTime

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.http.pagination import Page, pages
from airflow_provider_meetings.api.listing import list_windows
from airflow_provider_meetings.api.query import check_id, check_times, windows
from airflow_provider_meetings.api.windows import Report, ignore
from airflow_provider_meetings.platforms.wecom import quotas
from airflow_provider_meetings.platforms.wecom.api.models import (
    Record,
    RecordingFile,
    parse_files,
    parse_records,
)
from airflow_provider_meetings.platforms.wecom.api.models_transcripts import Transcripts, parse_transcript
from airflow_provider_meetings.platforms.wecom.auth import WeComSession

DEFAULT_BASE_URL = "https://qyapi.weixin.qq.com"
LONGEST_WINDOW = timedelta(days=31)
PAGE_SIZE = 20


class WeComEndpoints(WeComSession):
    """Call WeCom as one self-built app, which sees only meetings that it created through the API.

    The arguments are those of `WeComSession`.
    """

    # https://developer.work.weixin.qq.com/document/path/98192
    def list_recordings(
        self,
        start: DateTime,
        end: DateTime,
        *,
        meetingid: str | None = None,
        meeting_code: str | None = None,
        userid: str | None = None,
        report: Report = ignore,
    ) -> Iterator[Record]:
        """Yield the recordings of a meeting, of a meeting code, or of the meetings that a member created, each once.

        Requests all pages of all windows; a window has at most 31 days.

        :param start: aware; `end` likewise. Both are widened to whole seconds.
        :param report: called after each window.
        :raises InvalidRequest: unless exactly one of the three selectors is set.
        """
        selectors = {"meetingid": meetingid, "meeting_code": meeting_code, "userid": userid}
        chosen = {name: check_id(value, name) for name, value in selectors.items() if value}
        if len(chosen) != 1:
            raise InvalidRequest(f"Give exactly one of {', '.join(selectors)}")
        ((name, selector),) = chosen.items()

        def fetch(start: DateTime, end: DateTime, cursor: str | None) -> Page[Record]:
            window = {"start_time": floor(start.timestamp()), "end_time": ceil(end.timestamp())}
            # The limit must be the same for all pages of a cursor.
            body = {**chosen, **window, "limit": PAGE_SIZE} | ({} if cursor is None else {"cursor": cursor})
            return parse_records(self._post("/cgi-bin/meeting/record/list", quotas.RECORD_LIST, body))

        return list_windows(
            fetch,
            windows(*check_times(start, end), LONGEST_WINDOW),
            key=lambda record: record.meeting_record_id,
            endpoint=f"meeting/record/list?{name}",
            selector=selector,
            report=report,
        )

    # https://developer.work.weixin.qq.com/document/path/98196
    def get_recording_files(self, meeting_record_id: str, meetingid: str) -> tuple[RecordingFile, ...]:
        """Return the current links of each file of a recording; they expire soon."""
        body = _checked(meeting_record_id=meeting_record_id, meetingid=meetingid)
        return parse_files(self._post("/cgi-bin/meeting/record/get_file_list", quotas.FILE_LIST, body))

    # https://developer.work.weixin.qq.com/document/path/98205
    def get_recording_file(self, record_file_id: str, meetingid: str) -> RecordingFile:
        """Return the current links of a file, its summaries and its AI transcripts; they expire soon."""
        body = _checked(record_file_id=record_file_id, meetingid=meetingid)
        return RecordingFile.parse(self._post("/cgi-bin/meeting/record/get_file", quotas.FILE, body))

    # https://developer.work.weixin.qq.com/document/path/98211
    def get_transcript(self, record_file_id: str, meetingid: str) -> Transcripts:
        """Return the whole transcript of a file; each page starts with the last paragraph of the previous one.

        :raises ServerError: if the platform announces another page but its cursor does not advance.
        """
        body = _checked(record_file_id=record_file_id, meetingid=meetingid)

        def fetch(pid: str | None) -> Page[Transcripts]:
            page = body if pid is None else {**body, "pid": pid}
            return parse_transcript(
                self._post("/cgi-bin/meeting/record/transcript/get_detail", quotas.TRANSCRIPT, page)
            )

        transcript_pages = pages(fetch, what=f"wecom transcript of file {record_file_id}")
        return Transcripts.joined(transcripts for page in transcript_pages for transcripts in page.items)


def _checked(**ids: str) -> dict[str, Any]:
    return {name: check_id(value, name) for name, value in ids.items()}
