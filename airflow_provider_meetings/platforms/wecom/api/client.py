"""WeCom's endpoints, one method each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from math import ceil
from typing import Any

from pendulum import DateTime

from airflow_provider_meetings.api.client import ListedWindow, Report, WindowOutcome, reason_of
from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError
from airflow_provider_meetings.api.http.pagination import Page, pages
from airflow_provider_meetings.api.query import check_id, check_times, windows
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
        report: Report | None = None,
    ) -> Iterator[Record]:
        """Yield the recordings of a meeting, of a meeting code, or of the meetings that a member created.

        Requests all pages of all windows; a window has at most 31 days. A recording in two of them is yielded once.

        :param start: aware; `end` likewise.
        :param report: called after each window. If one fails, then with it and with the rest, which is skipped; a
            listing that fails at its first request is left to the caller.
        :raises InvalidRequest: unless exactly one of the three selectors is set.
        """
        selectors = {"meetingid": meetingid, "meeting_code": meeting_code, "userid": userid}
        for records in self._record_pages(start, end, report, selectors):
            yield from records

    def _record_pages(
        self, start: DateTime, end: DateTime, report: Report | None, selectors: Mapping[str, str | None]
    ) -> Iterator[Sequence[Record]]:
        """Yield the new recordings of each page; see `list_recordings`."""
        chosen = {name: check_id(value, name) for name, value in selectors.items() if value}
        if len(chosen) != 1:
            raise InvalidRequest(f"Give exactly one of {', '.join(selectors)}")

        def fetch(cursor: str | None) -> Page[Record]:
            page = body if cursor is None else {**body, "cursor": cursor}
            return parse_records(self._post("/cgi-bin/meeting/record/list", quotas.RECORD_LIST, page))

        seen: set[str] = set()
        start, end = check_times(start, end)
        window = ListedWindow(
            endpoint="meeting/record/list", selector="".join(chosen.values()), start=start, end=end, pages=0, items=0
        )
        for begin, until in windows(start, end, LONGEST_WINDOW):
            # The limit must be the same for all pages of a cursor.
            body = {
                **chosen,
                "start_time": int(begin.timestamp()),
                "end_time": ceil(until.timestamp()),
                "limit": PAGE_SIZE,
            }
            window = replace(window, start=begin, end=until, pages=0, items=0)
            try:
                for page in pages(fetch, what=f"wecom recordings from {begin.isoformat()} to {until.isoformat()}"):
                    window = replace(window, pages=window.pages + 1, items=window.items + len(page.items))
                    new = {r.meeting_record_id: r for r in page.items if r.meeting_record_id not in seen}
                    seen.update(new)
                    yield tuple(new.values())
            except MeetingsApiError as error:
                if report is not None and (window.pages or begin > start):
                    report(replace(window, outcome=WindowOutcome.FAILED, reason=reason_of(error)))
                    if until < end:
                        reason = f"the window before it failed, from {begin.isoformat()}"
                        skipped = replace(window, start=until, end=end, pages=0, items=0, reason=reason)
                        report(replace(skipped, outcome=WindowOutcome.SKIPPED))
                raise
            if report is not None:
                report(window)

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
