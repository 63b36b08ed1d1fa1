"""Feishu and Lark as one of their users sees them: minutes can be listed, by their owners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from airflow_provider_meetings.api.client import ListedWindow, Report
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.platforms.feishu.client import FeishuClient


class FeishuUserClient(FeishuClient):
    """Ask as a user who has consented; else as `FeishuClient`, with the ``users`` of `FeishuSession` given."""

    selectors: ClassVar[tuple[str, ...]] = (*FeishuClient.selectors, "owner_ids")
    takes_window: ClassVar[bool] = True

    def _list(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        if query.owner_ids and query.start is None:
            raise InvalidRequest("feishu lists by owner_ids within a window only: give start and end")
        if query.start is not None and not query.owner_ids:
            raise InvalidRequest("feishu answers by ids alone, but for owner_ids: leave start and end out")
        ids = replace(query, owner_ids=(), start=None, end=None) if len(query.selectors) > 1 else None
        if not query.owner_ids:
            ids = query
        by_ids = super()._list(ids, report) if ids is not None else iter(())
        return _chained(by_ids, self._owned(query, report))

    def _owned(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        start, end = query.start, query.end
        for owner_id in query.owner_ids:
            pages = items = 0
            for page in self._minute_pages(owner_ids=[owner_id], start=start, end=end):
                pages += 1
                items += len(page.items)
                for item in page.items:
                    recording = self._minute_recording(item.token, None)
                    # The platform counts the end as inside; what begins then belongs to the next window.
                    if recording.started_at is None or end is None or recording.started_at < end:
                        yield recording
            report(
                ListedWindow(
                    endpoint="minutes_search", selector=owner_id, start=start, end=end, pages=pages, items=items
                )
            )


def _chained(first: Iterator[Recording], second: Iterator[Recording]) -> Iterator[Recording]:
    yield from first
    yield from second
