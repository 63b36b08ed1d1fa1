from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    window: Any = {"start": "2026-11-12T00:00:00+08:00", "end": " 2026-11-13T00:00:00Z "}
    query = RecordingQuery(**window, owner_ids=("a",))
    assert (query.start, query.end) == (DAY, pendulum.datetime(2026, 11, 13, tz="UTC"))


def test_duplicate_ids_are_removed() -> None:
    ids: Any = iter(["b", "a", "b"])
    assert RecordingQuery(meeting_ids=ids).meeting_ids == ("b", "a")


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
