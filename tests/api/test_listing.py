"""A listing of a platform with small pages and silent or spoken caps: whole, or failed by name."""

from __future__ import annotations

from itertools import pairwise

import pendulum
from hypothesis import given, settings
from hypothesis import strategies as st
from pendulum import DateTime

from airflow_provider_meetings.api.errors import InvalidRequest, ServerError
from airflow_provider_meetings.api.http.pagination import Page
from airflow_provider_meetings.api.listing import list_windows
from airflow_provider_meetings.api.query import windows
from airflow_provider_meetings.api.windows import ListedWindow

START = pendulum.datetime(2026, 11, 1, tz="UTC")
TOO_LARGE = 7


@settings(max_examples=60)
@given(
    moments=st.lists(st.integers(0, 100), max_size=40),
    cap=st.integers(2, 12),
    size=st.integers(1, 5),
    spoken=st.booleans(),
    totals=st.booleans(),
    length=st.integers(10, 120),
)
def test_listing_equals_truth_or_fails_by_name(
    moments: list[int], cap: int, size: int, spoken: bool, totals: bool, length: int
) -> None:
    def fetch(start: DateTime, end: DateTime, cursor: str | None) -> Page[int]:
        first, last = ((time - START).total_seconds() for time in (start, end))
        found = [number for number, moment in enumerate(moments) if first <= moment <= last]
        if spoken and len(found) > cap:
            raise InvalidRequest("no", code=TOO_LARGE, vendor_message="too many")
        at = int(cursor or 0)
        more = at + size < min(len(found), cap)
        total = len(found) if totals else None
        return Page(tuple(found[:cap][at : at + size]), str(at + size) if more else None, total)

    reported: list[ListedWindow] = []
    parts = list(windows(START, START.add(seconds=100), pendulum.duration(seconds=length)))
    most = float("inf") if spoken or totals else cap
    listing = list_windows(
        fetch, parts, key=str, endpoint="e", selector="s", report=reported.append, most=most, too_large=(TOO_LARGE,)
    )
    found: list[int] = []
    refused = ""
    try:
        found.extend(listing)
    except ServerError as error:
        refused = str(error)
    if failed := next((window.start for window in reported if window.outcome == "failed"), None):
        assert failed.isoformat() in refused
        # Two seconds are the shortest window, since both ends belong to it.
        first = int((failed - START).total_seconds())
        assert sum(moment in {first, first + 1} for moment in moments) >= cap
    else:
        assert (refused, sorted(found)) == ("", list(range(len(moments))))
    assert len(found) == len(set(found))
    # The windows that are no longer halved follow each other without a gap.
    final = [window for window in reported if window.outcome != "halved"]
    assert {str(window.outcome) for window in final} <= {"complete", *(["failed", "skipped"] if failed else [])}
    assert [(w.start, w.end) for w in final] == sorted((w.start, w.end) for w in final)
    assert (final[0].start, final[-1].end) == (START, START.add(seconds=100))
    assert all(one.end == following.start for one, following in pairwise(final))
