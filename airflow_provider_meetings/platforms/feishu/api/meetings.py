"""The endpoints of meetings, one method each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from pendulum import DateTime

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.http.pagination import Page, pages
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.query import check_times, windows
from airflow_provider_meetings.platforms.feishu import quotas
from airflow_provider_meetings.platforms.feishu.api.ids import check_digits, check_id
from airflow_provider_meetings.platforms.feishu.api.models import MeetingRecording, parse_page
from airflow_provider_meetings.platforms.feishu.api.models_meetings import MeetingBrief, MeetingInfo
from airflow_provider_meetings.platforms.feishu.api.session import FeishuSession

LONGEST_REPORT = timedelta(days=365)
_STATUSES = (1, 2)
_REPORT_PAGES = (20, 100)
_BRIEFS_PAGE = "50"


class MeetingsEndpoints(FeishuSession):
    """Ask for meetings and where their recordings are."""

    # https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
    def get_meeting_recording(self, meeting_id: str) -> MeetingRecording:
        """Return where a meeting's recording is.

        :param meeting_id: the long id that exists once the meeting has begun, not the 9-digit number.
        :raises NotReady: 124002 while it is made, 122001 while the meeting runs, 121004 while there is none
            (a recording under 5 seconds never comes); `PermissionDenied` 121005; `NotFound` 122002.
        """
        path = f"/open-apis/vc/v1/meetings/{check_digits(meeting_id, 'meeting_id')}/recording"
        return MeetingRecording.parse(self._get(path, quotas.MEETING_RECORDING), "recording")

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
    def list_meetings(
        self,
        start: DateTime,
        end: DateTime,
        *,
        meeting_no: str | None = None,
        user_id: str | None = None,
        room_id: str | None = None,
        meeting_status: int = 2,
        page_size: int = 100,
    ) -> Iterator[MeetingInfo]:
        """Yield the meetings of a window, each once: the administrator's report.

        All pages of all windows: the platform takes at most a year at a time. A new app's scope for this
        (``vc:rooms.room.detailinfo:read``) works with a user's token only.

        :param start: aware, to the second, not in the future; `end` likewise aware.
        :param meeting_no: the 9-digit number; at most one of this, `user_id` and `room_id`.
        :param user_id: of the kind that the connection's ``user_id_type`` says.
        :param meeting_status: 1 ongoing, 2 ended.
        :param page_size: 20 to 100.
        :raises InvalidRequest: before the first request, for arguments that the document excludes.
        """
        begin, until = check_times(start, end)
        params = self._people(None) | _one_filter(meeting_no, user_id, room_id)
        if isinstance(meeting_status, bool) or meeting_status not in _STATUSES:
            raise InvalidRequest(f"meeting_status must be 1 (ongoing) or 2 (ended), got {meeting_status!r:.60}")
        least, most = _REPORT_PAGES
        if type(page_size) is not int or not least <= page_size <= most:
            raise InvalidRequest(f"page_size must be {least} to {most}, got {page_size!r:.60}")
        params |= {"meeting_status": str(meeting_status), "page_size": str(page_size)}
        return self._meetings(begin, until, params)

    def _meetings(self, start: DateTime, end: DateTime, params: dict[str, str]) -> Iterator[MeetingInfo]:
        # A page token looks like an offset: rows shift while one reads, and windows touch.
        seen: set[str] = set()
        for begin, until in windows(start, end, LONGEST_REPORT):
            asked = params | {"start_time": _seconds(begin), "end_time": _seconds(until)}
            fetch = partial(self._report_page, asked)
            for page in pages(fetch, what=f"feishu meetings from {begin.isoformat()} to {until.isoformat()}"):
                for meeting in page.items:
                    # Older tenants have no instance id: then only equal rows are the same.
                    key = meeting.meeting_instance_id or json.dumps(meeting.raw, sort_keys=True)
                    if key not in seen:
                        seen.add(key)
                        yield meeting

    def _report_page(self, params: dict[str, str], token: str | None) -> Page[MeetingInfo]:
        data = self._page("/open-apis/vc/v1/meeting_list", quotas.MEETING_LIST, params, token)
        return parse_page(data, "meeting_list", MeetingInfo)

    # https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no
    def list_meetings_by_number(self, meeting_number: str, start: DateTime, end: DateTime) -> Iterator[MeetingBrief]:
        """Yield the meetings that were held under a 9-digit number, each once, from all pages.

        The way from a number to long meeting ids: a recurring meeting or a personal room has many. The platform
        answers for the last 90 days.

        :param start: aware, to the second; `end` likewise.
        :raises InvalidRequest: before the first request, for a number that is none and a window that is none.
        """
        begin, until = check_times(start, end)
        number = check_digits(meeting_number, "meeting_number")
        asked = {
            "meeting_no": number,
            "start_time": _seconds(begin),
            "end_time": _seconds(until),
            "page_size": _BRIEFS_PAGE,
        }
        return self._briefs(asked)

    def _briefs(self, asked: dict[str, str]) -> Iterator[MeetingBrief]:
        seen: set[str] = set()
        for page in pages(partial(self._briefs_page, asked), what="feishu meetings of one number"):
            for meeting in page.items:
                if meeting.id not in seen:
                    seen.add(meeting.id)
                    yield meeting

    def _briefs_page(self, params: dict[str, str], token: str | None) -> Page[MeetingBrief]:
        data = self._page("/open-apis/vc/v1/meetings/list_by_no", quotas.MEETINGS_BY_NUMBER, params, token)
        return parse_page(data, "meeting_briefs", MeetingBrief)

    def _page(self, path: str, quota: Quota, params: dict[str, str], token: str | None) -> Any:
        return self._get(path, quota, params if token is None else params | {"page_token": token})


def _one_filter(meeting_no: str | None, user_id: str | None, room_id: str | None) -> dict[str, str]:
    given = {"meeting_no": meeting_no, "user_id": user_id, "room_id": room_id}
    chosen = {name: value for name, value in given.items() if value is not None}
    if len(chosen) > 1:
        raise InvalidRequest(f"Give at most one of {', '.join(given)}, got {' and '.join(chosen)}")
    for name, value in chosen.items():
        check_digits(value, name) if name == "meeting_no" else check_id(value, name)
    return chosen


def _seconds(time: DateTime) -> str:
    """Return UNIX seconds as text, as the API takes them."""
    return str(int(time.timestamp()))
