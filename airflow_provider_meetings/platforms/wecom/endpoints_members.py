"""The endpoint of WeCom's members and their meetings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from pendulum import DateTime

from airflow_provider_meetings.api.http.pagination import Page, pages
from airflow_provider_meetings.api.query import check_times, windows
from airflow_provider_meetings.platforms.wecom import quotas
from airflow_provider_meetings.platforms.wecom.arguments import check_id
from airflow_provider_meetings.platforms.wecom.auth import WeComSession
from airflow_provider_meetings.platforms.wecom.wire import parse_meeting_ids, seconds

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
