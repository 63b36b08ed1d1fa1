"""The endpoints of meetings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from math import ceil, floor

from pendulum import DateTime

from airflow_provider_meetings.api.errors import InvalidRequest, NotReady
from airflow_provider_meetings.api.http.pagination import Page
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.listing import list_windows
from airflow_provider_meetings.api.query import check_times, windows
from airflow_provider_meetings.api.windows import Report, ignore
from airflow_provider_meetings.platforms.feishu import quotas
from airflow_provider_meetings.platforms.feishu.api.ids import check_digits
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
KNOWN_NUMBERS = timedelta(days=90)
"""How long the platform knows the meetings of a number."""
ONGOING, ENDED = 1, 2
"""The values of ``meeting_status`` whose meetings may have a recording."""
REPORT_PAGE = 100
BRIEFS_PAGE = 50


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
        self, start: DateTime, end: DateTime, *, meeting_status: int = ENDED, report: Report = ignore
    ) -> Iterator[MeetingInfo]:
        """Yield the meetings of a window, each once, from the administrator's report.

        Requests all pages of all windows; a window has at most a year. The scope of a new app
        (``vc:rooms.room.detailinfo:read``) works with a user's token only.

        :param start: aware, not in the future; `end` likewise aware. Both are widened to whole seconds.
        :param meeting_status: 1 ongoing, 2 ended.
        :param report: called after each window.
        :raises InvalidRequest: before the first request, for invalid arguments.
        """
        begin, until = check_times(start, end)
        if isinstance(meeting_status, bool) or meeting_status not in (ONGOING, ENDED):
            raise InvalidRequest(f"meeting_status must be 1 (ongoing) or 2 (ended), got {meeting_status!r:.60}")
        params = self._people() | {"meeting_status": str(meeting_status), "page_size": str(REPORT_PAGE)}
        return list_windows(
            self._fetch("/open-apis/vc/v1/meeting_list", quotas.MEETING_LIST, params, "meeting_list", MeetingInfo),
            windows(begin, until, LONGEST_REPORT),
            # In older tenants without instance ids, only equal rows are duplicates.
            key=lambda meeting: meeting.meeting_instance_id or json.dumps(meeting.raw, sort_keys=True),
            endpoint="meeting_list" if meeting_status == ENDED else f"meeting_list?meeting_status={meeting_status}",
            selector="",
            report=report,
        )

    # https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no
    def list_meetings_by_number(
        self, meeting_number: str, start: DateTime, end: DateTime, *, report: Report = ignore
    ) -> Iterator[MeetingBrief]:
        """Yield the meetings with a 9-digit number, each once, from all pages.

        A recurring meeting or a personal room has many meeting ids. The platform knows the last 90 days.

        :param start: aware; `end` likewise. Both are widened to whole seconds.
        :param report: called after each window.
        :raises InvalidRequest: before the first request, for an invalid number or window.
        """
        window = check_times(start, end)
        params = {"meeting_no": check_digits(meeting_number, "meeting_number"), "page_size": str(BRIEFS_PAGE)}
        path = "/open-apis/vc/v1/meetings/list_by_no"
        return list_windows(
            self._fetch(path, quotas.MEETINGS_BY_NUMBER, params, "meeting_briefs", MeetingBrief),
            [window],
            key=lambda meeting: meeting.id,
            endpoint="list_by_no",
            selector=meeting_number,
            report=report,
        )

    def _fetch(
        self, path: str, quota: Quota, params: dict[str, str], name: str, cls: type[T]
    ) -> Callable[[DateTime, DateTime, str | None], Page[T]]:
        def fetch(start: DateTime, end: DateTime, token: str | None) -> Page[T]:
            window = {"start_time": str(floor(start.timestamp())), "end_time": str(ceil(end.timestamp()))}
            page = params | window | ({"page_token": token} if token else {})
            return parse_page(self._get(path, quota, page), name, cls)

        return fetch
