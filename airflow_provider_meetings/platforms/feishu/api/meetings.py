"""The endpoints of meetings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

from pendulum import DateTime

from airflow_provider_meetings.api.errors import InvalidRequest, NotReady
from airflow_provider_meetings.api.http.pagination import Page, pages
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.query import check_times, windows
from airflow_provider_meetings.platforms.feishu import quotas
from airflow_provider_meetings.platforms.feishu.api.ids import check_digits, check_id
from airflow_provider_meetings.platforms.feishu.api.models import (
    MeetingBrief,
    MeetingInfo,
    MeetingRecording,
    T,
    parse_page,
)
from airflow_provider_meetings.platforms.feishu.api.session import FeishuSession
from airflow_provider_meetings.platforms.feishu.codes import CODES, NO_RECORDING
from airflow_provider_meetings.platforms.feishu.errors import PLATFORM

LONGEST_REPORT = timedelta(days=365)
_STATUSES = (1, 2)
_REPORT_PAGE = "100"
_BRIEFS_PAGE = "50"


class MeetingsEndpoints(FeishuSession):
    """List meetings, and find their recordings."""

    # https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
    def get_meeting_recording(self, meeting_id: str) -> MeetingRecording:
        """Return the recording of a meeting.

        :param meeting_id: the long id that a meeting gets when it starts, not the 9-digit number.
        :raises NotReady: 124002 while it is being created, 122001 while the meeting runs, 121004 or a success without
            a recording while there is none (a recording under 5 seconds never appears); `PermissionDenied` 121005;
            `NotFound` 122002.
        """
        path = f"/open-apis/vc/v1/meetings/{check_digits(meeting_id, 'meeting_id')}/recording"
        read = MeetingRecording.fields
        data = read.mapping(self._get(path, quotas.MEETING_RECORDING) or {}, "data")
        recording = read.mapping(data.get("recording") or {}, "recording")
        if not recording.get("url"):
            raise NotReady(
                f"The platform names no recording of the meeting {meeting_id}",
                platform=PLATFORM,
                next_step=CODES[NO_RECORDING].next_step,
            )
        return MeetingRecording.parse(recording)

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
    ) -> Iterator[MeetingInfo]:
        """Yield the meetings of a window, each once, from the administrator's report.

        Requests all pages of all windows; a window has at most a year. The scope of a new app
        (``vc:rooms.room.detailinfo:read``) works with a user's token only.

        :param start: aware, in whole seconds, not in the future; `end` likewise aware.
        :param meeting_no: the 9-digit number; at most one of this, `user_id` and `room_id`.
        :param user_id: of the type of the connection's ``user_id_type``.
        :param meeting_status: 1 ongoing, 2 ended.
        :raises InvalidRequest: before the first request, for invalid arguments.
        """
        begin, until = check_times(start, end)
        params = self._people(None) | _one_filter(meeting_no, user_id, room_id)
        if isinstance(meeting_status, bool) or meeting_status not in _STATUSES:
            raise InvalidRequest(f"meeting_status must be 1 (ongoing) or 2 (ended), got {meeting_status!r:.60}")
        params |= {"meeting_status": str(meeting_status), "page_size": _REPORT_PAGE}
        return self._meetings(begin, until, params)

    def _meetings(self, start: DateTime, end: DateTime, params: dict[str, str]) -> Iterator[MeetingInfo]:
        # Page tokens look like offsets, so rows may shift between pages; windows overlap at their ends.
        seen: set[str] = set()
        for begin, until in windows(start, end, LONGEST_REPORT):
            window = params | {"start_time": _seconds(begin), "end_time": _seconds(until)}
            path = "/open-apis/vc/v1/meeting_list"
            for meeting in self._listed(path, quotas.MEETING_LIST, window, "meeting_list", MeetingInfo):
                # In older tenants without instance ids, only equal rows are duplicates.
                key = meeting.meeting_instance_id or json.dumps(meeting.raw, sort_keys=True)
                if key not in seen:
                    seen.add(key)
                    yield meeting

    # https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no
    def list_meetings_by_number(self, meeting_number: str, start: DateTime, end: DateTime) -> Iterator[MeetingBrief]:
        """Yield the meetings with a 9-digit number, each once, from all pages.

        A recurring meeting or a personal room has many meeting ids. The platform knows the last 90 days.

        :param start: aware, in whole seconds; `end` likewise.
        :raises InvalidRequest: before the first request, for an invalid number or window.
        """
        begin, until = check_times(start, end)
        params = {
            "meeting_no": check_digits(meeting_number, "meeting_number"),
            "start_time": _seconds(begin),
            "end_time": _seconds(until),
            "page_size": _BRIEFS_PAGE,
        }
        return self._briefs(params)

    def _briefs(self, params: dict[str, str]) -> Iterator[MeetingBrief]:
        path, seen = "/open-apis/vc/v1/meetings/list_by_no", set()
        for meeting in self._listed(path, quotas.MEETINGS_BY_NUMBER, params, "meeting_briefs", MeetingBrief):
            if meeting.id not in seen:
                seen.add(meeting.id)
                yield meeting

    def _listed(self, path: str, quota: Quota, params: dict[str, str], name: str, cls: type[T]) -> Iterator[T]:
        def fetch(token: str | None) -> Page[T]:
            page = params if token is None else params | {"page_token": token}
            return parse_page(self._get(path, quota, page), name, cls)

        for page in pages(fetch, what=f"feishu {name} from {params['start_time']} to {params['end_time']}"):
            yield from page.items


def _one_filter(meeting_no: str | None, user_id: str | None, room_id: str | None) -> dict[str, str]:
    filters = {"meeting_no": meeting_no, "user_id": user_id, "room_id": room_id}
    chosen = {name: value for name, value in filters.items() if value is not None}
    if len(chosen) > 1:
        raise InvalidRequest(f"Give at most one of {', '.join(filters)}, got {' and '.join(chosen)}")
    for name, value in chosen.items():
        check_digits(value, name) if name == "meeting_no" else check_id(value, name)
    return chosen


def _seconds(time: DateTime) -> str:
    """Return UNIX seconds as text, as the API takes them."""
    return str(int(time.timestamp()))
