"""The search of minutes: their only listing, for users only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Any

from pendulum import DateTime

from airflow_provider_meetings.api.client import ListedWindow, Report
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.http.pagination import Page, pages
from airflow_provider_meetings.api.query import check_ids, check_times
from airflow_provider_meetings.platforms.feishu.api.ids import UserIdType, check_id
from airflow_provider_meetings.platforms.feishu.api.models import MinuteItem, parse_page
from airflow_provider_meetings.platforms.feishu.api.session import FeishuSession
from airflow_provider_meetings.platforms.feishu.quotas import MINUTES_SEARCH

LARGEST_PAGE = 30
LONGEST_QUERY = 50
_EXPIRED, _TOO_MANY = 2094005, 2094007
_SHORTEST = timedelta(seconds=2)


class SearchEndpoints(FeishuSession):
    """Search minutes: the endpoint allows a hundred calls per minute."""

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/search
    def search_minutes(
        self,
        query: str = "",
        *,
        owner_ids: Sequence[str] = (),
        participant_ids: Sequence[str] = (),
        start: DateTime | None = None,
        end: DateTime | None = None,
        user_id_type: UserIdType | None = None,
        report: Report | None = None,
    ) -> Iterator[MinuteItem]:
        """Yield the matching minutes that the user may see, each once, from all pages.

        Starts the search again when a page token has expired. Halves the window when the search has too many results.
        Self-built apps only; not known to exist on Lark.

        :param query: search text of at most 50 characters.
        :param owner_ids: ids of users, of the type of `user_id_type` or of the connection.
        :param start: aware, start of the time of creation; `end` likewise. Both or neither; both are inclusive.
        :param report: called after the last page.
        :raises InvalidRequest: before the first request, for a connection that calls as the app, and for invalid
            arguments.
        """
        if not isinstance(query, str) or len(query) > LONGEST_QUERY:
            raise InvalidRequest(f"query must be a string of at most {LONGEST_QUERY} characters")
        filters: dict[str, Any] = {}
        for name, ids in (("owner_ids", owner_ids), ("participant_ids", participant_ids)):
            if checked := check_ids(ids, name):
                filters[name] = [check_id(one, name) for one in checked]
        if (start is None) != (end is None):
            raise InvalidRequest("give both start and end, or neither")
        window = check_times(start, end) if start is not None and end is not None else None
        if not (query or filters or window):
            raise InvalidRequest("The search has no filter: give query, owner_ids, participant_ids, or start and end")
        # A page token in the body is ignored: the first page would repeat forever.
        params = self._people(user_id_type) | {"page_size": str(LARGEST_PAGE)}
        body: dict[str, Any] = {"query": query} if query else {}
        self._need_user("The search of minutes")
        return self._each_once(params, body, filters, window, report)

    def _each_once(
        self,
        params: dict[str, str],
        body: dict[str, Any],
        filters: dict[str, Any],
        window: tuple[DateTime, DateTime] | None,
        report: Report | None,
    ) -> Iterator[MinuteItem]:
        start, end = window or (None, None)
        number = 0
        seen: set[str] = set()
        todo = [window]
        while todo:
            window = todo.pop()
            before = len(seen)
            try:
                for page in pages(partial(self._minute_page, params, _body(body, filters, window)), what="minutes"):
                    number += 1
                    new = {item.token: item for item in page.items if item.token not in seen}
                    seen.update(new)
                    yield from new.values()
            except InvalidRequest as error:
                if error.code == _EXPIRED and len(seen) > before:
                    todo.append(window)
                elif error.code == _TOO_MANY and window is not None and window[1] - window[0] >= _SHORTEST:
                    middle = window[0] + (window[1] - window[0]) / 2
                    todo += [(middle, window[1]), (window[0], middle)]
                else:
                    raise
        if report is not None:
            selector = " ".join([*body.values(), *chain.from_iterable(filters.values())])
            report(
                ListedWindow(
                    endpoint="minutes_search", selector=selector, start=start, end=end, pages=number, items=len(seen)
                )
            )

    def _minute_page(self, params: dict[str, str], body: dict[str, Any], token: str | None) -> Page[MinuteItem]:
        page = params if token is None else params | {"page_token": token}
        data = self._post("/open-apis/minutes/v1/minutes/search", MINUTES_SEARCH, page, body)
        return parse_page(data, "items", MinuteItem)


def _body(body: dict[str, Any], filters: dict[str, Any], window: tuple[DateTime, DateTime] | None) -> dict[str, Any]:
    times = {} if window is None else {"create_time": _times(*window)}
    return body | ({"filter": filters | times} if filters or times else {})


def _times(start: DateTime, end: DateTime) -> dict[str, str]:
    return {"start_time": start.isoformat(), "end_time": end.isoformat()}
