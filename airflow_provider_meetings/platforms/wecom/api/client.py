"""The endpoints of WeCom's recordings, and with them all others, one method each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from pendulum import DateTime

from airflow_provider_meetings.api.client import ListedWindow, Report
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.http.pagination import Page, pages
from airflow_provider_meetings.api.query import check_times, windows
from airflow_provider_meetings.platforms.wecom import quotas
from airflow_provider_meetings.platforms.wecom.api.models import Record, RecordPage, parse_meeting_ids, seconds
from airflow_provider_meetings.platforms.wecom.api.models_files import FileAddresses, RecordingFile, parse_addresses
from airflow_provider_meetings.platforms.wecom.api.models_transcripts import Transcripts
from airflow_provider_meetings.platforms.wecom.auth import WeComSession

_LONGEST_ID = 512


def check_id(value: str, name: str) -> str:
    """Return an id: one line of text. Its alphabet is not documented; it never enters an address.

    :raises InvalidRequest: else; `name` says which argument it is.
    """
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= _LONGEST_ID
        or not value.isprintable()
        or value != value.strip()
    ):
        raise InvalidRequest(f"{name} must be one id, a line of text without spaces around it, got {value!r:.60}")
    return value


class TranscriptEndpoints(WeComSession):
    """Ask for what was said."""

    # https://developer.work.weixin.qq.com/document/path/98211
    def get_transcript(self, record_file_id: str, meetingid: str, *, limit: int | None = None) -> Transcripts:
        """Return a file's whole transcript, from all its pages.

        :param limit: paragraphs a page, 2 or more: each page begins with the last paragraph of the one before.
            None leaves it to the platform, which then gives everything at once.
        :raises ServerError: if a page does not lead on although more is said to follow.
        """
        asked: dict[str, Any] = {
            "record_file_id": check_id(record_file_id, "record_file_id"),
            "meetingid": check_id(meetingid, "meetingid"),
        }
        if limit is not None:
            if type(limit) is not int or limit < 2:
                raise InvalidRequest(f"limit must be a number from 2 on, got {limit!r:.60}")
            asked["limit"] = limit

        def fetch(pid: str | None) -> Page[Transcripts]:
            body = asked if pid is None else {**asked, "pid": pid}
            page = Transcripts.parse(
                self._post("/cgi-bin/meeting/record/transcript/get_detail", quotas.TRANSCRIPT, body)
            )
            # The last paragraph seen is the next cursor; one that comes again has not led on.
            return Page((page,), page.paragraphs[-1].pid if page.has_more else None)

        found = pages(fetch, what=f"wecom transcript of file {record_file_id}")
        return Transcripts.joined(item for page in found for item in page.items)


LONGEST_MEMBER_WINDOW = timedelta(days=180)
_FIRST_CURSOR = "0"
_LIMIT = 100


class MembersEndpoints(WeComSession):
    """Ask which meetings a member has."""

    # https://developer.work.weixin.qq.com/document/path/97457
    def get_user_meeting_ids(self, userid: str, start: DateTime, end: DateTime) -> Iterator[str]:
        """Yield the ``meetingid`` of each meeting of a member, once; only of meetings that this app created.

        All pages of all windows: the platform takes at most 180 days at a time.

        :param start: aware, to the second; `end` likewise.
        :raises InvalidRequest: before the first request, for an id that is none and a window that is none.
        """
        begin, until = check_times(start, end)
        return self._meeting_ids(check_id(userid, "userid"), begin, until)

    def _meeting_ids(self, userid: str, start: DateTime, end: DateTime) -> Iterator[str]:
        seen: set[str] = set()
        for begin, until in windows(start, end, LONGEST_MEMBER_WINDOW):
            asked = {"userid": userid, "begin_time": seconds(begin), "end_time": seconds(until), "limit": _LIMIT}
            what = f"wecom meetings of a member from {begin.isoformat()} to {until.isoformat()}"
            for page in pages(partial(self._meeting_ids_page, asked), what=what):
                for meeting_id in page.items:
                    if meeting_id not in seen:
                        seen.add(meeting_id)
                        yield meeting_id

    def _meeting_ids_page(self, asked: dict[str, Any], cursor: str | None) -> Page[str]:
        # No has_more here: an empty cursor ends the list, and the first one is "0".
        body = {**asked, "cursor": cursor or _FIRST_CURSOR}
        return parse_meeting_ids(self._post("/cgi-bin/meeting/get_user_meetingid", quotas.USER_MEETINGS, body))


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
