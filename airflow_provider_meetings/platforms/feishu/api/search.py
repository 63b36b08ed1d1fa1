"""The search of minutes: their only listing, for users only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pendulum import DateTime

from airflow_provider_meetings.api.http.pagination import Page
from airflow_provider_meetings.api.listing import list_windows
from airflow_provider_meetings.api.query import check_times, windows
from airflow_provider_meetings.api.windows import Report, ignore
from airflow_provider_meetings.platforms.feishu.api.ids import check_id
from airflow_provider_meetings.platforms.feishu.api.models import MinuteItem, parse_page
from airflow_provider_meetings.platforms.feishu.api.session import FeishuSession
from airflow_provider_meetings.platforms.feishu.quotas import MINUTES_SEARCH

LARGEST_PAGE = 30
LONGEST_SEARCH = timedelta(days=28)
"""The page names no limit; other sources report about a month."""
_MOST = 150
"""At most this many results: documented for the search of meetings, assumed for that of minutes."""
_EXPIRED, _TOO_MANY = 2094005, 2094007


class SearchEndpoints(FeishuSession):
    """Search minutes: the endpoint allows a hundred calls per minute."""

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/search
    def search_minutes(
        self, owner_id: str, start: DateTime, end: DateTime, *, report: Report = ignore
    ) -> Iterator[MinuteItem]:
        """Yield the minutes of an owner that the user may see, each once, from all pages.

        A window has at most 28 days, and is halved when it has too many results or a page token
        has expired. Self-built apps only; not known to exist on Lark.

        :param owner_id: of the type of the connection's ``user_id_type``.
        :param start: aware, start of the time of creation; `end` likewise. Both are inclusive.
        :param report: called after each window.
        :raises InvalidRequest: before the first request, for a connection that calls as the app, and for invalid
            arguments.
        """
        begin, until = check_times(start, end)
        owner_ids = [check_id(owner_id, "owner_id")]
        self._need_user("The search of minutes")

        def fetch(start: DateTime, end: DateTime, token: str | None) -> Page[MinuteItem]:
            # A page token in the body is ignored: the first page would repeat forever.
            params = self._people() | {"page_size": str(LARGEST_PAGE)} | ({"page_token": token} if token else {})
            created = {"start_time": start.isoformat(), "end_time": end.isoformat()}
            body = {"filter": {"owner_ids": owner_ids, "create_time": created}}
            return parse_page(
                self._post("/open-apis/minutes/v1/minutes/search", MINUTES_SEARCH, params, body), "items", MinuteItem
            )

        return list_windows(
            fetch,
            windows(begin, until, LONGEST_SEARCH),
            key=lambda item: item.token,
            endpoint="minutes_search",
            selector=owner_id,
            report=report,
            most=_MOST,
            too_large=(_EXPIRED, _TOO_MANY),
        )
