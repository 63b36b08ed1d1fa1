"""Convert neutral dicts to rows, one function per kind of row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table

from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.warehouse.merge.convert import digest, text
from airflow_provider_meetings.warehouse.merge.row_builder import Builder, Row
from airflow_provider_meetings.warehouse.tables.tables import tables

Neutral = Mapping[str, Any]

# Rows do not depend on prefix and schema.
_SHAPE = tables()
_STORED = ("uri", "size", "sha256", "media_type", "landed_at")
_STORED_OUTCOMES = frozenset({"landed", "resumed", "skipped", "replaced"})
_READY, _GONE = str(RecordingState.READY), str(RecordingState.GONE)
FILE_KEY = ("platform", "tenant", "recording_id", "file_id", "kind")
_RECORDING_KEY = FILE_KEY[:3]


def _content(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.c if not column.name.startswith("_"))


# For a forbidden or deleted recording `source` is empty; an existing value stays.
# How it was listed is no change of a recording.
_recording = Builder(
    _SHAPE.recordings,
    [name for name in _content(_SHAPE.recordings) if name != "asked_at"],
    hashed=True,
    unhashed=("listed_by",),
    empty_as_null=("source",),
)
_asked_at = Builder(_SHAPE.recordings, ("asked_at",))
_declared = Builder(
    _SHAPE.recording_files, [n for n in _content(_SHAPE.recording_files) if n not in _STORED], hashed=True
)
_stored = Builder(_SHAPE.recording_files, (*FILE_KEY, *_STORED), hashed=True)
_file_key = Builder(_SHAPE.recording_files, FILE_KEY)
_landing = Builder(_SHAPE.landings, _SHAPE.landings.c.keys())
_window = Builder(_SHAPE.discovery_windows, _SHAPE.discovery_windows.c.keys())
_clock = Builder(_SHAPE.sync_clocks, _SHAPE.sync_clocks.c.keys())
_pending = Builder(_SHAPE.pending_items, _SHAPE.pending_items.c.keys())
_post = Builder(_SHAPE.posts, _content(_SHAPE.posts), hashed=True)
_post_key = Builder(_SHAPE.posts, _SHAPE.posts.primary_key.columns.keys())
_reaction = Builder(_SHAPE.post_reactions, _content(_SHAPE.post_reactions), hashed=True)

# The column names of the rows that the functions below return.
RECORDING = (*_recording.names, "_source_hash", "_landed_at", "_deleted_at", "asked_at")
DECLARED = (*_declared.names, "_source_hash", "_landed_at", "_deleted_at")
STORED = (*_stored.names, "_stored_hash", "_landed_at")
LANDING = _landing.names
WINDOW = _window.names
CLOCK = _clock.names
PENDING = _pending.names
POST = (*_post.names, "_source_hash", "_landed_at", "_deleted_at")
TOMBSTONE = (*_post_key.names, "_landed_at", "_deleted_at")
REACTION = (*_reaction.names, "_source_hash", "_landed_at", "_deleted_at")

# The columns of a recording that do not depend on its state.
RECORDING_DETAILS = frozenset(_recording.names) - {"state", "state_code", "reason"}


@dataclass(frozen=True, slots=True)
class RunKey:
    """The task try that loads; the map index is -1 if the task is not mapped, the try number starts at 1."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


def _key_of(names: Sequence[str]) -> Callable[[Neutral], tuple[str, ...]]:
    return lambda value: tuple([text(value.get(name)) for name in names])


recording_key = _key_of(_RECORDING_KEY)
stored_file_key = _key_of(FILE_KEY)
post_key = _key_of(_post_key.names)


def asked_ahead(batch: Sequence[Neutral], now: datetime) -> Neutral | None:
    """Return the first recording that was asked for after `now`, by a clock that runs ahead."""
    times = _asked_at(batch)
    return next((one for one, (time,) in zip(batch, times, strict=True) if time is not None and time > now), None)


def recording_rows(batch: Sequence[Neutral], now: datetime) -> list[Row]:
    """Return the rows of `recordings`, each with whether it lists all files that the recording has.

    The row of a deleted recording is a tombstone. What has no `asked_at`, or one after `now`, counts as asked for now.

    :param batch: recordings that have an id.
    """
    asked_at = [now if time is None else min(time, now) for (time,) in _asked_at(batch)]
    states = [one.get("state") for one in batch]
    gone = [now if state == _GONE else None for state in states]
    # A ready recording without files was requested without them.
    complete = [
        state == _GONE or (state == _READY and bool(one.get("files"))) for one, state in zip(batch, states, strict=True)
    ]
    return _recording(batch, now, gone, asked_at, complete)


def file_rows(batch: Sequence[Neutral], now: datetime) -> list[Row]:
    """Return the declared columns of the rows of `recording_files`, for recordings that have an id."""
    files = []
    for recording in batch:
        owner = {name: recording.get(name) for name in _RECORDING_KEY}
        files += [{**file, **owner} for file in recording.get("files") or ()]
    return _declared(files, now, None)


def stored_file_rows(batch: Sequence[Neutral], now: datetime) -> list[Row]:
    """Return the stored columns of the rows of `recording_files`, for each file with an object."""
    return _stored([stored for stored in batch if stored.get("outcome") in _STORED_OUTCOMES], now)


def landing_rows(batch: Sequence[Neutral], run: RunKey, now: datetime) -> list[Row]:
    """Return the rows of `landings`: the outcome of each file in a task try."""
    task = asdict(run)
    # The builder also checks that each file has its whole key, which joins with `recording_files` need.
    keys = [digest([*task.values(), *file]) for _, _, *file in _file_key(batch)]
    landed = [{**stored, **task, "landing_id": key, "_landed_at": now} for stored, key in zip(batch, keys, strict=True)]
    return _landing(landed)


def window_rows(summaries: Iterable[Neutral], run: RunKey, now: datetime) -> list[Row]:
    """Return the rows of `discovery_windows`: each window of a listing."""
    listed = []
    for summary in summaries:
        common = {
            **asdict(run),
            "platform": summary.get("platform"),
            "tenant": summary.get("tenant"),
            "finished_at": now,
        }
        for window in summary.get("windows") or ():
            query = [window.get(name) for name in ("endpoint", "selector", "start", "end")]
            if "number" in window:  # the selector is redacted
                query.append(window["number"])
            identity = digest([*asdict(run).values(), *query])
            times = {"from_at": window.get("start"), "to_at": window.get("end")}
            listed.append({**window, **common, **times, "window_id": identity})
    return _window(listed)


def pending_rows(items: Iterable[Neutral]) -> list[Row]:
    """Return the rows of `pending_items`: all items of a ledger, the open ones last.

    Redaction may make the keys of meetings equal: then an open one counts.
    """
    return _pending(sorted(items, key=lambda item: item.get("settled_at") is None))


def clock_rows(dates: Iterable[Neutral], now: datetime) -> list[Row]:
    """Return the rows of `sync_clocks`: the dates of a ledger."""
    clocks = [
        {
            **one,
            "selector": one.get("listed_by"),
            "clock_id": digest([one.get("listed_by")]),
            "seen_until": one.get("listed_up_to"),
            "settled_until": one.get("settled_up_to"),
            "_landed_at": now,
        }
        for one in dates
    ]
    return _clock(clocks)


def post_rows(batch: Sequence[Neutral], now: datetime) -> list[Row]:
    """Return the rows of the posts that are not deleted."""
    return _post([post for post in batch if not post.get("deleted")], now, None)


def tombstone_rows(batch: Sequence[Neutral], now: datetime) -> list[Row]:
    """Return the key of each deleted post, and when it was seen deleted."""
    return _post_key([post for post in batch if post.get("deleted")], now, now)


def reaction_rows(batch: Sequence[Neutral], now: datetime) -> list[Row]:
    """Return the rows of `post_reactions`, of the posts that are not deleted."""
    reactions = [
        {**post, "reaction_type": reaction.get("type"), "reaction_count": reaction.get("count")}
        for post in batch
        if not post.get("deleted")
        for reaction in post.get("reactions") or ()
    ]
    return _reaction(reactions, now, None)
