"""The endpoints of WeCom's recordings, and with them all others, one method each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pendulum import DateTime

from airflow_provider_meetings.api.client import ListedWindow, Report
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.http.pagination import Page, pages
from airflow_provider_meetings.api.query import check_times, windows
from airflow_provider_meetings.platforms.wecom import quotas
from airflow_provider_meetings.platforms.wecom.arguments import check_id
from airflow_provider_meetings.platforms.wecom.endpoints_members import MembersEndpoints
from airflow_provider_meetings.platforms.wecom.endpoints_transcripts import TranscriptEndpoints
from airflow_provider_meetings.platforms.wecom.wire import Record, RecordPage, seconds
from airflow_provider_meetings.platforms.wecom.wire_files import FileAddresses, RecordingFile, parse_addresses

DEFAULT_BASE_URL = "https://qyapi.weixin.qq.com"
LONGEST_WINDOW = timedelta(days=31)
PAGE_SIZE = 20


class WeComEndpoints(TranscriptEndpoints, MembersEndpoints):
    """Call WeCom as one self-built app. It sees only meetings that this app created through the API.

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
        """Yield the recordings of a meeting, a meeting code, or the meetings that a member created.

        All pages of all windows: the platform takes at most 31 days at a time. What two windows share comes twice.

        :param start: aware, to the second; `end` likewise.
        :raises InvalidRequest: unless exactly one of the three is given.
        """
        given = {"meetingid": meetingid, "meeting_code": meeting_code, "userid": userid}
        selector = {name: value for name, value in given.items() if value}
        if len(selector) != 1:
            raise InvalidRequest(f"Give exactly one of {', '.join(given)}")
        selector = {name: check_id(value, name) for name, value in selector.items()}
        for begin, until in windows(*check_times(start, end), LONGEST_WINDOW):
            number = items = 0
            for page in self._record_pages(begin, until, selector):
                number += 1
                items += len(page.items)
                yield from page.items
            if report is not None:
                name = "".join(selector.values())
                report(
                    ListedWindow(
                        endpoint="meeting/record/list", selector=name, start=begin, end=until, pages=number, items=items
                    )
                )

    def _record_pages(self, start: DateTime, end: DateTime, selector: dict[str, str]) -> Iterator[Page[Record]]:
        def fetch(cursor: str | None) -> Page[Record]:
            # The limit must stay what it was when the cursor was given.
            body: dict[str, Any] = {
                **selector,
                "start_time": seconds(start),
                "end_time": seconds(end),
                "limit": PAGE_SIZE,
            }
            if cursor is not None:
                body["cursor"] = cursor
            page = RecordPage.parse(self._post("/cgi-bin/meeting/record/list", quotas.RECORD_LIST, body))
            return Page(page.record_list, page.next_cursor)

        return pages(fetch, what=f"wecom recordings from {start.isoformat()} to {end.isoformat()}")

    # https://developer.work.weixin.qq.com/document/path/98196
    def get_recording_files(self, meeting_record_id: str, meetingid: str) -> tuple[FileAddresses, ...]:
        """Return where each file of a recording can be had now; the links live for hours at most, use them at once."""
        body = {
            "meeting_record_id": check_id(meeting_record_id, "meeting_record_id"),
            "meetingid": check_id(meetingid, "meetingid"),
        }
        return parse_addresses(self._post("/cgi-bin/meeting/record/get_file_list", quotas.FILE_LIST, body))

    # https://developer.work.weixin.qq.com/document/path/98205
    def get_recording_file(self, record_file_id: str, meetingid: str) -> RecordingFile:
        """Return one file's facts and where it can be had now, with its summaries and AI transcripts.

        The links live for hours at most, perhaps minutes: use them at once.

        :raises InvalidRequest: for ids that are none; `MeetingsApiError` as the code says.
        """
        body = {
            "record_file_id": check_id(record_file_id, "record_file_id"),
            "meetingid": check_id(meetingid, "meetingid"),
        }
        return RecordingFile.parse(self._post("/cgi-bin/meeting/record/get_file", quotas.FILE, body))
