"""What it costs to list recordings and to land their files: the requests to each endpoint."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.query import RecordingQuery, windows


class Volume(NamedTuple):
    """What a query finds: rows on the pages of its listing, recordings with an id, ready ones, and their files."""

    items: int
    recordings: int
    ready: int
    files: int


Requests = tuple[Quota, int, tuple[timedelta, ...]]
"""The requests to one endpoint, and the lengths of the windows that they list."""


def page_requests(quota: Quota, query: RecordingQuery, items: int, page_size: int, longest: timedelta) -> Requests:
    """Return what listing `items` costs; they spread evenly over the ids and the windows of a query's one selector.

    However they spread, the sum differs by less than a page per window.
    """
    ids, start, end = len(getattr(query, query.selectors[0], ())) or 1, query.start, query.end
    if start is None or end is None:
        raise InvalidRequest("The platform lists only within a window: set start and end")
    lengths = [(until - begin).as_timedelta() for begin, until in windows(start, end, longest)]
    whole = (end - start).as_timedelta() * ids * page_size
    return quota, ids * sum(max(1, -(items * -length // whole)) for length in lengths), tuple(lengths) * ids
