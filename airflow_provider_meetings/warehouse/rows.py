"""Neutral dicts to rows, one function per kind of row. Pure: no clock, no database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table

from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.warehouse.build import Builder, Row
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.tables import tables
from airflow_provider_meetings.warehouse.values import digest, text

Neutral = Mapping[str, Any]

# Rows do not depend on prefix and schema: only the shape is asked here.
_SHAPE = tables()
_STORED = ("uri", "size", "sha256", "media_type", "landed_at")
_STORED_OUTCOMES = frozenset({"landed", "resumed", "skipped", "replaced"})
_WAITING = frozenset(str(s) for s in RecordingState if s.waits or s is RecordingState.OVERDUE)
_STATES = frozenset(str(state) for state in RecordingState)
_FILE_KEY = ("platform", "tenant", "recording_id", "file_id", "kind")


def _content(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.c if not column.name.startswith("_"))


_recording = Builder(_SHAPE.recordings, _content(_SHAPE.recordings), hashed=True)
_declared = Builder(
    _SHAPE.recording_files, [n for n in _content(_SHAPE.recording_files) if n not in _STORED], hashed=True
)
_stored = Builder(_SHAPE.recording_files, (*_FILE_KEY, *_STORED), hashed=True)
_file_key = Builder(_SHAPE.recording_files, _FILE_KEY)
_landing = Builder(_SHAPE.landings, _SHAPE.landings.c.keys())
_window = Builder(_SHAPE.discovery_windows, _SHAPE.discovery_windows.c.keys())
_clock = Builder(_SHAPE.sync_clocks, _SHAPE.sync_clocks.c.keys())
_pending = Builder(_SHAPE.pending_items, _SHAPE.pending_items.c.keys())
_post = Builder(_SHAPE.posts, _content(_SHAPE.posts), hashed=True)
_reaction = Builder(_SHAPE.post_reactions, _content(_SHAPE.post_reactions), hashed=True)

# The names of what the functions below return, in order.
RECORDING = (*_recording.names, "_source_hash", "_landed_at", "_deleted_at")
DECLARED = (*_declared.names, "_source_hash", "_landed_at", "_deleted_at")
STORED = (*_stored.names, "_stored_hash", "_landed_at")
LANDING = _landing.names
WINDOW = _window.names
CLOCK = _clock.names
PENDING = _pending.names
POST = (*_post.names, "_source_hash", "_landed_at", "_deleted_at")
REACTION = (*_reaction.names, "_source_hash", "_landed_at", "_deleted_at")

KNOWN_OF_A_RECORDING = frozenset(RECORDING) - {"state", "reason", "_source_hash", "_landed_at", "_deleted_at"}


@dataclass(frozen=True, slots=True)
class RunKey:
    """Which try of which task loads; -1 is the map index of a task that is not mapped, and the first try is 1."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


def counted_recording_row(recording: Neutral, now: datetime) -> Row | None:
    """Return the row of `recordings`, and behind it how many files were declared; None while it has no id.

    A recording that is gone is a tombstone.
    """
    if recording.get("recording_id") is None:
        return None
    gone = now if recording.get("state") == RecordingState.GONE else None
    return (*_recording(recording), now, gone, len(recording.get("files") or ()))


def declared_file_rows(recording: Neutral, now: datetime) -> Iterator[Row]:
    """Yield the declared half of each row of `recording_files`: what the platform says of the file."""
    files = recording.get("files")
    if not files or recording.get("recording_id") is None:
        return
    owner = {name: recording.get(name) for name in ("platform", "tenant", "recording_id")}
    for file in files:
        yield (*_declared({**file, **owner}), now, None)


def stored_file_row(stored: Neutral, now: datetime) -> Row | None:
    """Return the landed half of a row of `recording_files`, or None if there is no object."""
    return (*_stored(stored), now) if stored.get("outcome") in _STORED_OUTCOMES else None


def landing_row(stored: Neutral, run: RunKey, now: datetime) -> Row:
    """Return the row of `landings`: what one try of one task did with one file, whatever came of it."""
    # Builds the key of the file's own row, for its checks: a landing without a file could never be joined.
    _, _, *file = _file_key(stored)
    landing_id = digest([*asdict(run).values(), *file])
    return _landing({**stored, **asdict(run), "landing_id": landing_id, "_landed_at": now})


def window_rows(summary: Neutral, run: RunKey, now: datetime) -> Iterator[Row]:
    """Yield the rows of `discovery_windows`: each listing that was followed to its end."""
    for window in summary.get("windows") or ():
        asked = [window.get(name) for name in ("endpoint", "selector", "start", "end")]
        data = {
            **window,
            **asdict(run),
            "platform": summary.get("platform"),
            "tenant": summary.get("tenant"),
            "window_id": digest([*asdict(run).values(), *asked]),
            "from_at": window.get("start"),
            "to_at": window.get("end"),
            "finished_at": now,
        }
        yield _window(data)


def clock_rows(summary: Neutral, now: datetime) -> Iterator[Row]:
    """Yield a row of `sync_clocks` for each window with an end that was listed completely."""
    for window in summary.get("windows") or ():
        if window.get("complete") and window.get("end") is not None:
            data = {
                "platform": summary.get("platform"),
                "tenant": summary.get("tenant"),
                "clock_id": digest([window.get("endpoint"), window.get("selector")]),
                "endpoint": window.get("endpoint"),
                "selector": window.get("selector"),
                "seen_until": window.get("end"),
                "_landed_at": now,
            }
            yield _clock(data)


def waits(recording: Neutral) -> bool:
    """Tell whether the recording is one to ask for again: not yet there, or given up waiting for.

    :raises LoadError: for a state that there is not.
    """
    given = str(recording.get("state"))
    if given not in _STATES:
        raise LoadError.at(_SHAPE.recordings, "column 'state' is none of the states of a recording")
    return given in _WAITING


def pending_rows(recording: Neutral, now: datetime) -> Iterator[Row]:
    """Yield the rows of `pending_items`: under its own key while it waits, under all it may have waited as after."""
    waiting = waits(recording)
    keys = _item_keys(recording)
    data = {**recording, "first_seen_at": now, "last_seen_at": now, "settled_at": None if waiting else now}
    for key in keys[:1] if waiting else keys:
        yield _pending({**data, "item_key": key})


def _item_keys(recording: Neutral) -> list[str]:
    recording_id, meeting_id, number = (
        recording.get(name) for name in ("recording_id", "meeting_id", "meeting_number")
    )
    found = [
        recording_id,
        None if meeting_id is None else f"meeting:{meeting_id}",
        None if number is None else f"meeting_number:{number}",
    ]
    keys = [text(key) for key in found if key is not None]
    if not keys:
        raise LoadError.at(_SHAPE.pending_items, "a recording has neither recording_id, meeting_id nor meeting_number")
    return keys


def post_row(post: Neutral, now: datetime) -> Row:
    """Return the row of `posts`; of one that is gone its key counts, and when."""
    return (*_post(post), now, now if post.get("deleted") else None)


def reaction_rows(post: Neutral, now: datetime) -> Iterator[Row]:
    """Yield the rows of `post_reactions` for a post that is there."""
    if not post.get("deleted"):
        for reaction in post.get("reactions") or ():
            data = {**post, "reaction_type": reaction.get("type"), "reaction_count": reaction.get("count")}
            yield (*_reaction(data), now, None)
