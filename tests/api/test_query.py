from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import Recording, RecordingState
from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef, windows

DAY = pendulum.datetime(2026, 11, 12, tz="Asia/Shanghai")
NEXT = DAY.add(days=1)


def test_times_become_utc() -> None:
    query = RecordingQuery(start=DAY, end=NEXT, owner_ids=("a",))
    assert query.start is not None
    assert query.start.isoformat() == "2026-11-11T16:00:00+00:00"
    assert query.start.timezone_name == "UTC"


def test_iso_text_with_offset() -> None:
    given: Any = {"start": "2026-11-12T00:00:00+08:00", "end": " 2026-11-13T00:00:00Z "}
    query = RecordingQuery(**given, owner_ids=("a",))
    assert (query.start, query.end) == (DAY, pendulum.datetime(2026, 11, 13, tz="UTC"))


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (datetime(2026, 11, 12), "no time zone"),
        (pendulum.naive(2026, 11, 12), "no time zone"),
        ("2026-11-12T00:00:00", "no time zone"),
        ("2026-11-12", "no time zone"),
        ("None", "'None'"),
        ("", "not an ISO 8601 time"),
        ("tomorrow", "'tomorrow'"),
        (20261112, "got int"),
    ],
)
def test_invalid_time_is_refused(start: Any, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as caught:
        RecordingQuery(start=start, end=NEXT, owner_ids=("a",))
    assert "start" in str(caught.value)


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
def test_time_beyond_calendar_is_refused(start: Any) -> None:
    with pytest.raises(InvalidRequest, match="start"):
        RecordingQuery(start=start, end=NEXT, owner_ids=("a",))


def test_empty_window_is_refused_with_timetable() -> None:
    with pytest.raises(InvalidRequest, match="CronDataIntervalTimetable"):
        RecordingQuery(start=DAY, end=DAY.in_timezone("UTC"), owner_ids=("a",))


def test_reversed_window_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="before start"):
        RecordingQuery(start=NEXT, end=DAY, owner_ids=("a",))


@pytest.mark.parametrize("half", [{"start": DAY}, {"end": DAY}])
def test_incomplete_window_is_refused(half: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="belong together"):
        RecordingQuery(**half, owner_ids=("a",))


@pytest.mark.parametrize("name", ["meeting_ids", "meeting_numbers", "owner_ids", "recording_ids"])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("abc", r"write \['abc'\]"),
        ([""], ": id "),
        (["  "], ": id "),
        ([None], ": id "),
        ([5], ": id "),
        ([{"meeting_id": "1"}], ": id .* must be a text, got dict"),
        (5, "list of ids, got int"),
    ],
)
def test_ids_must_be_a_list_of_texts(name: str, value: Any, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as caught:
        RecordingQuery(**{name: value})
    assert name in str(caught.value)


def test_duplicate_ids_are_removed() -> None:
    ids: Any = iter(["b", "a", "b"])
    assert RecordingQuery(meeting_ids=ids).meeting_ids == ("b", "a")


@pytest.mark.parametrize("given", [{}, {"meeting_ids": ()}, {"owner_ids": None}, {"start": DAY, "end": NEXT}])
def test_query_without_selector_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="meeting_ids, meeting_numbers, owner_ids"):
        RecordingQuery(**given)


def test_unsupported_selector_is_refused() -> None:
    query = RecordingQuery(owner_ids=("a",))
    with pytest.raises(InvalidRequest) as caught:
        query.require(("meeting_ids", "recordings"), window=False, platform="acme")
    assert str(caught.value) == "acme does not support owner_ids. It supports meeting_ids, recordings."


def test_unsupported_window_is_refused() -> None:
    query = RecordingQuery(start=DAY, end=NEXT, meeting_ids=("a",))
    with pytest.raises(InvalidRequest, match="omit them"):
        query.require(("meeting_ids",), window=False, platform="acme")
    query.require(("meeting_ids",), window=True, platform="acme")


@pytest.mark.parametrize(
    "query",
    [
        RecordingQuery(meeting_ids=("1", "2")),
        RecordingQuery(owner_ids=("张伟",), start=DAY, end=NEXT),
        RecordingQuery(recording_ids=("r",), meeting_numbers=("9",)),
        RecordingQuery(
            recordings=(
                RecordingRef(recording_id="r", meeting_id="m", started_at=DAY.in_timezone("UTC")),
                RecordingRef(recording_id=None, meeting_id="m"),
            )
        ),
    ],
)
def test_json_round_trip(query: RecordingQuery) -> None:
    assert RecordingQuery.from_dict(json.loads(json.dumps(query.to_dict()))) == query


def test_refs_have_no_duplicates() -> None:
    recording = Recording(
        platform="acme", tenant="t", recording_id="r", meeting_id="m", state=RecordingState.READY, started_at=DAY
    )
    assert RecordingQuery.refs([recording, recording]) == (
        RecordingRef(recording_id="r", meeting_id="m", started_at=recording.started_at),
    )


times = st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)).map(pendulum.instance)


@settings(max_examples=60, deadline=None)
@given(start=times, length=st.timedeltas(timedelta(microseconds=1), timedelta(days=400)))
def test_windows_are_consecutive(start: pendulum.DateTime, length: timedelta) -> None:
    longest = timedelta(days=31)
    end = start + length
    pieces = list(windows(start, end, longest))
    assert pieces[0][0] == start
    assert pieces[-1][1] == end
    assert all(timedelta(0) < until - begin <= longest for begin, until in pieces)
    assert all(left[1] == right[0] for left, right in pairwise(pieces))
    assert len(pieces) == -(-length // longest)


def test_windows_refuse_empty_window() -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        list(windows(DAY, DAY, timedelta(days=31)))
