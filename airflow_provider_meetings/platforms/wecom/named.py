"""Listed recordings that are asked for again: grouped into few requests, by their owner or by their meetings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from operator import itemgetter

from pendulum import DateTime

from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef
from airflow_provider_meetings.platforms.wecom.api.client import LONGEST_WINDOW, PAGE_SIZE

_DAY = timedelta(days=1)
"""How far the start of a recording may be from that of its meeting, by which the platform lists."""

_LONGEST_SPAN = (LONGEST_WINDOW - 2 * _DAY).total_seconds()


def owner_of(ref: RecordingRef) -> str | None:
    """Return the owner by whom a recording was listed; None if it was listed otherwise."""
    selector, _, owner = (ref.listed_by or "").partition(":")
    return owner or None if selector == "owner_id" else None


def is_of_owner(question: RecordingQuery) -> bool:
    """Return whether to list the owner of the recordings, rather than their meeting."""
    meetings = {ref.meeting_id for ref in question.recordings}
    return len(meetings) > 1 or None in meetings


def questions(query: RecordingQuery, density: Mapping[str, float]) -> Iterator[RecordingQuery]:
    """Yield a query for each request: by owner where that is expected to need fewer than one for each meeting.

    :param density: the pages per 31 days that the latest listing of each owner had.
    """
    owners: dict[str | None, list[RecordingRef]] = {}
    for ref in query.recordings:
        owners.setdefault(owner_of(ref), []).append(ref)
    rest = owners.pop(None, [])
    for owner, refs in owners.items():
        for question in _in_windows(query, refs):
            pages = max(
                len(question.recordings) / PAGE_SIZE, max(1, density.get(owner or "", 0)) * windows_of(question)
            )
            if math.ceil(pages) < by_meeting_requests(question):
                yield question
            else:
                rest += question.recordings
    yield from by_meeting(query, rest)


def by_meeting(query: RecordingQuery, refs: Iterable[RecordingRef]) -> Iterator[RecordingQuery]:
    """Yield a query for each meeting and window."""
    meetings: dict[str | None, list[RecordingRef]] = {}
    for ref in refs:
        meetings.setdefault(ref.meeting_id, []).append(ref)
    for of_meeting in meetings.values():
        yield from _in_windows(query, of_meeting)


def by_meeting_requests(question: RecordingQuery) -> float:
    """Return how many requests the recordings need at least if their meetings are listed; infinite if one has none."""
    meetings = {ref.meeting_id for ref in question.recordings}
    return math.inf if None in meetings else len(meetings) * math.ceil(windows_of(question))


def windows_of(question: RecordingQuery) -> float:
    """Return the length of the window, in windows of 31 days."""
    return (
        (question.end - question.start).total_seconds() / LONGEST_WINDOW.total_seconds()
        if question.start and question.end
        else 1.0
    )


def _in_windows(query: RecordingQuery, refs: Iterable[RecordingRef]) -> Iterator[RecordingQuery]:
    """Yield a query for each window of at most 31 days around the starts, or one with the query's own window.

    Recordings without a start are in one without a window.
    """
    dated: list[tuple[float, DateTime, RecordingRef]] = []
    undated = []
    for ref in refs:
        if query.start or not ref.started_at:
            undated.append(ref)
        else:
            dated.append((ref.started_at.timestamp(), ref.started_at, ref))  # pendulum's arithmetic is slow
    if undated:
        yield RecordingQuery(start=query.start, end=query.end, recordings=tuple(undated))
    dated.sort(key=itemgetter(0))
    first = 0
    for last, (_, latest, _) in enumerate(dated, 1):
        if last == len(dated) or dated[last][0] - dated[first][0] > _LONGEST_SPAN:
            group = tuple(ref for *_, ref in dated[first:last])
            yield RecordingQuery(start=dated[first][1] - _DAY, end=latest + _DAY, recordings=group)
            first = last
