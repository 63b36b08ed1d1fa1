"""Queries for recordings: fields, validation, JSON form, parts."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import blake2s
from typing import Any, Self

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import PlainJson, Recording
from airflow_provider_meetings.api.sanitize import check_text
from airflow_provider_meetings.api.times import parse_time

MAX_ID_LENGTH = 256
"""In characters; far above the ids of every platform."""

SELECTORS = ("meeting_ids", "meeting_numbers", "owner_ids", "recording_ids", "recordings")
WINDOW = "window"
"""The selector of a query that has only start and end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRef(PlainJson):
    """The ids of a listed recording, to query it again."""

    recording_id: str | None
    meeting_id: str | None
    meeting_number: str | None = None
    started_at: DateTime | None = None
    listed_by: str | None = None

    def __post_init__(self) -> None:
        for name in ("recording_id", "meeting_id", "meeting_number", "listed_by"):
            value = getattr(self, name)
            if name == "listed_by" and isinstance(value, str):  # a selector and its id
                value = value.split(":", 1)[-1]
            if value is not None:
                check_id(value, f"recordings: {name}")
        if self.started_at is not None:
            object.__setattr__(self, "started_at", _time(self.started_at, "recordings: the started_at"))
        if not (self.recording_id or self.meeting_id or self.meeting_number):
            raise InvalidRequest("A recording without any id cannot be queried")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingQuery:
    """Select recordings by ids, within a time window where the platform needs one, or all of a window.

    `recording_ids` are Feishu's minute tokens; `meeting_ids` Feishu's long meeting ids and WeCom's ``meetingid``;
    `meeting_numbers` Feishu's 9-digit numbers and WeCom's ``meeting_code``; `owner_ids` Feishu's user ids and WeCom's
    ``userid``; `recordings` come from an earlier listing.

    :param start: start of the window, aware, inclusive.
    :param end: end of the window, aware, exclusive.
    :raises InvalidRequest: for a naive time, an empty, reversed or incomplete window, an invalid id, or no selector.
    """

    start: DateTime | None = None
    end: DateTime | None = None
    meeting_ids: tuple[str, ...] = ()
    meeting_numbers: tuple[str, ...] = ()
    owner_ids: tuple[str, ...] = ()
    recording_ids: tuple[str, ...] = ()
    recordings: tuple[RecordingRef, ...] = ()

    def __post_init__(self) -> None:
        for name in SELECTORS[:-1]:
            object.__setattr__(self, name, check_ids(getattr(self, name), name))
        object.__setattr__(self, "recordings", _refs(self.recordings))
        if (self.start is None) != (self.end is None):
            raise InvalidRequest("give both start and end, or neither")
        if self.start is not None and self.end is not None:
            start, end = check_times(self.start, self.end)
            object.__setattr__(self, "start", start)
            object.__setattr__(self, "end", end)
        if not self.selectors:
            raise InvalidRequest(f"The query selects nothing. Give one of {', '.join(SELECTORS)}, or start and end")

    @property
    def selectors(self) -> tuple[str, ...]:
        """Return the names of the selectors that are set."""
        named = tuple(name for name in SELECTORS if getattr(self, name))
        return named or ((WINDOW,) if self.start is not None else ())

    def require(self, supported: Iterable[str], *, windowed: Iterable[str], platform: str) -> None:
        """Raise InvalidRequest if the platform does not support one of the selectors.

        :param windowed: the selectors that the platform supports together with start and end.
        """
        supported, windowed = tuple(supported), tuple(windowed)
        for name in self.selectors:
            if name not in supported:
                name = "a window alone" if name == WINDOW else name
                raise InvalidRequest(f"{platform} does not support {name}. It supports {', '.join(supported)}")
        if self.start is not None and not set(windowed) & set(self.selectors):
            instead = f"only with {', '.join(windowed)}" if windowed else "for no listing"
            raise InvalidRequest(f"{platform} supports start and end {instead}: omit them")

    def split(self, *, by_meeting: bool) -> Iterator[Self]:
        """Yield a query for each id; the rest of a query yields what is left of it, in the same order.

        :param by_meeting: whether recordings with the same meeting id share a query.
        """
        if self.selectors == (WINDOW,):
            yield self
        nothing: dict[str, Any] = dict.fromkeys(SELECTORS, ())
        for name in ("recording_ids", "meeting_numbers", "meeting_ids", "owner_ids"):
            for value in getattr(self, name):
                yield replace(self, **{**nothing, name: (value,)})
        grouped: dict[object, list[RecordingRef]] = {}
        for ref in sorted(self.recordings, key=lambda ref: (bool(ref.recording_id), bool(ref.meeting_id))):
            grouped.setdefault(ref.meeting_id if by_meeting and ref.recording_id else ref, []).append(ref)
        for refs in grouped.values():
            yield replace(self, **{**nothing, "recordings": tuple(refs)})

    def ids(self) -> Iterator[dict[str, Any]]:
        """Yield the ids of each item, by the names of the fields of a recording."""
        for name in SELECTORS[:-1]:
            yield from ({name.removesuffix("s"): value} for value in getattr(self, name))
        yield from (ref.to_dict() for ref in self.recordings)

    def items(self) -> dict[str, tuple[str, str | RecordingRef]]:
        """Return the selector and the id of each item by its key; see `item_key`."""
        found: dict[str, tuple[str, str | RecordingRef]] = {}
        values = ((name, value) for name in SELECTORS for value in getattr(self, name))
        for ids, item in zip(self.ids(), values, strict=True):
            found.setdefault(item_key(ids), item)
        return found

    def only(self, items: Iterable[tuple[str, str | RecordingRef]]) -> Self:
        """Return the query of some of the `items`, in the given order."""
        values: dict[str, Any] = {name: [] for name in SELECTORS}
        for name, value in items:
            values[name].append(value)
        return replace(self, **{name: tuple(ids) for name, ids in values.items()})  # type: ignore[arg-type]  # ids only

    def to_dict(self) -> dict[str, Any]:
        """Return a short plain-JSON form: recordings as lists, by what they were listed by, times in seconds."""
        data: dict[str, Any] = {name: list(ids) for name in SELECTORS[:-1] if (ids := getattr(self, name))}
        rows: dict[str, list[list[Any]]] = {}
        for ref in self.recordings:
            started = ref.started_at and int(ref.started_at.timestamp())
            row = [ref.recording_id, ref.meeting_id, started, ref.meeting_number]
            while row[-1] is None:
                row.pop()
            rows.setdefault(ref.listed_by or "", []).append(row)
        if rows:
            data["recordings"] = rows
        if self.start and self.end:
            data.update(start=self.start.isoformat(), end=self.end.isoformat())
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild the query from the output of `to_dict`; its recordings are in another order."""
        refs = []
        for listed_by, rows in data.get("recordings", {}).items():
            for row in rows:
                ids = dict(zip(("recording_id", "meeting_id", "started_at", "meeting_number"), row, strict=False))
                started = ids.get("started_at") and pendulum.from_timestamp(ids["started_at"])
                refs.append(
                    RecordingRef(**{"meeting_id": None, **ids, "started_at": started, "listed_by": listed_by or None})
                )
        return cls(**{**data, "recordings": tuple(refs)})

    @staticmethod
    def refs(recordings: Iterable[Recording]) -> tuple[RecordingRef, ...]:
        """Return references to recordings of an earlier listing, without duplicates; an owner alone has none."""
        return tuple(
            dict.fromkeys(
                RecordingRef(
                    recording_id=r.recording_id,
                    meeting_id=r.meeting_id,
                    meeting_number=r.meeting_number,
                    started_at=r.started_at,
                    listed_by=r.listed_by,
                )
                for r in recordings
                if r.recording_id or r.meeting_id or r.meeting_number or not r.owner_id
            )
        )


def item_key(ids: Mapping[str, Any]) -> str:
    """Return a digest of the most specific id, of 8 characters.

    :param ids: by the names of the fields of a recording.
    """
    names = ("recording_id", "meeting_id", "meeting_number", "owner_id")
    name = next(name for name in names if ids.get(name))
    return urlsafe_b64encode(blake2s(f"{name}:{ids[name]}".encode(), digest_size=6).digest()).decode()


def check_times(start: DateTime, end: DateTime) -> tuple[DateTime, DateTime]:
    """Return a window in UTC.

    :raises InvalidRequest: for a naive or invalid time, and for an empty or reversed window.
    """
    start, end = _time(start, "start"), _time(end, "end")
    if start == end:
        raise InvalidRequest(
            f"The window is empty: start and end are both {start.isoformat()}. In Airflow 3 a schedule such as "
            "'@daily' has an empty data interval; use CronDataIntervalTimetable, or give start and end"
        )
    if end < start:
        text = f"end ({end.isoformat()}) is before start ({start.isoformat()})"
        raise InvalidRequest(text, next_step="Swap them, or begin earlier.")
    return start, end


def windows(start: DateTime, end: DateTime, max_length: timedelta) -> Iterator[tuple[DateTime, DateTime]]:
    """Split a window into consecutive ones of at most `max_length`, also when they are widened to whole seconds."""
    if start.microsecond:
        max_length -= timedelta(seconds=1)
    while start < end:
        stop = min(start + max_length, end)
        yield start, stop
        start = stop


def check_ids(values: object, name: str) -> tuple[str, ...]:
    """Return the ids without duplicates; empty for None.

    :param name: the argument, for the error message.
    :raises InvalidRequest: if `values` is no list, or contains an invalid id.
    """
    if values is None:
        return ()
    if isinstance(values, str):
        raise InvalidRequest(
            f"{name} must be a list of ids, got the single text {values[:40]!r}: write [{values[:40]!r}]"
        )
    if not isinstance(values, Iterable) or isinstance(values, bytes | bytearray | memoryview | Mapping):
        raise InvalidRequest(f"{name} must be a list of ids, got {type(values).__name__}: pass a list of strings")
    ids = tuple(values)
    for value in ids:
        check_id(value, f"{name}: id")
    return tuple(dict.fromkeys(ids))


def check_id(value: object, name: str) -> str:
    """Return `value` if it can be an id on some platform.

    :raises InvalidRequest: see `check_text`; the message shows the value.
    """
    next_step = "Write each id as a string in quotes, without spaces around it, and remove empty ones."
    if isinstance(value, float):
        next_step = "A float has lost digits of the id: write it in quotes, or in a template with the filter | tojson."
    return check_text(value, f"{name} {value!r:.60}", max_length=MAX_ID_LENGTH, next_step=next_step)


def _refs(values: object) -> tuple[RecordingRef, ...]:
    refs = tuple(values) if isinstance(values, list | tuple) else (None,)
    for ref in refs:
        if not isinstance(ref, RecordingRef):
            actual = type(values).__name__ if ref is None else f"a list with {type(ref).__name__}"
            raise InvalidRequest(f"recordings must be a list of RecordingRef, got {actual}: see RecordingQuery.refs")
    return refs


def _time(value: object, name: str) -> DateTime:
    try:
        return parse_time(value, name)
    except ValueError as error:
        raise InvalidRequest(
            str(error),
            next_step="In a run without a data interval, the template renders as None: trigger the run with a data "
            "interval, or set start and end.",
        ) from None
