"""Neutral dicts to rows, one function per kind of row. Pure: no clock, no database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table

from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.tables import tables
from airflow_provider_meetings.warehouse.values import Row, build, content_hash, digest, text

Neutral = Mapping[str, Any]

# Rows do not depend on prefix and schema: only the shape is asked here.
_SHAPE = tables()
KNOWN_OF_A_RECORDING = frozenset(_SHAPE.recordings.c.keys()) - {"state", "reason", "_source_hash", "_landed_at"}
_STORED = ("uri", "size", "sha256", "media_type", "landed_at")
_STORED_OUTCOMES = frozenset({"landed", "resumed", "skipped", "replaced"})


@dataclass(frozen=True, slots=True)
class RunKey:
    """Which try of which task loads; -1 is the map index of a task that is not mapped, and the first try is 1."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


def recording_row(recording: Neutral, now: datetime) -> Row | None:
    """Return the row of `recordings`, or None while the recording has no id."""
    if recording.get("recording_id") is None:
        return None
    return _hashed(build(_SHAPE.recordings, recording, _content(_SHAPE.recordings)), now)


def declared_file_rows(recording: Neutral, now: datetime) -> Iterator[Row]:
    """Yield the declared half of each row of `recording_files`: what the platform says of the file."""
    if recording.get("recording_id") is None:
        return
    names = [name for name in _content(_SHAPE.recording_files) if name not in _STORED]
    owner = {name: recording.get(name) for name in ("platform", "tenant", "recording_id")}
    for file in recording.get("files") or ():
        yield _hashed(build(_SHAPE.recording_files, {**file, **owner}, names), now)


def stored_file_row(stored: Neutral, now: datetime) -> Row | None:
    """Return the landed half of a row of `recording_files`, or None if there is no object."""
    if stored.get("outcome") not in _STORED_OUTCOMES:
        return None
    keys = [column.name for column in _SHAPE.recording_files.primary_key]
    row = build(_SHAPE.recording_files, stored, [*keys, *_STORED])
    return {**row, "_stored_hash": content_hash(row), "_landed_at": now}


def landing_row(stored: Neutral, run: RunKey, now: datetime) -> Row:
    """Return the row of `landings`: what one try of one task did with one file, whatever came of it."""
    # Builds the key of the file's own row, for its checks: a landing without a file could never be joined.
    file = build(_SHAPE.recording_files, stored, [column.name for column in _SHAPE.recording_files.primary_key])
    landing_id = digest([*asdict(run).values(), file["recording_id"], file["file_id"], file["kind"]])
    data = {**stored, **asdict(run), "landing_id": landing_id, "_landed_at": now}
    return build(_SHAPE.landings, data, _SHAPE.landings.c.keys())


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
        yield build(_SHAPE.discovery_windows, data, _SHAPE.discovery_windows.c.keys())


def waits(recording: Neutral) -> bool:
    """Tell whether the recording is one to ask for again: not yet there, or given up waiting for.

    :raises LoadError: for a state that there is not.
    """
    given = str(recording.get("state"))
    if given not in {str(state) for state in RecordingState}:
        raise LoadError.at(_SHAPE.recordings, "column 'state' is none of the states of a recording")
    state = RecordingState(given)
    return state.waits or state is RecordingState.OVERDUE


def item_keys(recording: Neutral) -> list[str]:
    """Return the keys under which the recording may wait in `pending_items`, its own first."""
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


def pending_row(recording: Neutral, key: str, now: datetime) -> Row:
    """Return the row of `pending_items` under `key`: waiting, or settled now if the recording no longer waits."""
    settled = None if waits(recording) else now
    data = {**recording, "item_key": key, "first_seen_at": now, "last_seen_at": now, "settled_at": settled}
    return build(_SHAPE.pending_items, data, _SHAPE.pending_items.c.keys())


def post_row(post: Neutral, now: datetime) -> Row:
    """Return the row of `posts` for a post that is there."""
    return {**_hashed(build(_SHAPE.posts, post, _content(_SHAPE.posts)), now), "_deleted_at": None}


def tombstone_row(post: Neutral, now: datetime) -> Row:
    """Return the row of `posts` for a post that is gone: its key and when."""
    key = build(_SHAPE.posts, post, [column.name for column in _SHAPE.posts.primary_key])
    return {**key, "_landed_at": now, "_deleted_at": now}


def reaction_rows(post: Neutral, now: datetime) -> Iterator[Row]:
    """Yield the rows of `post_reactions` for a post that is there."""
    for reaction in post.get("reactions") or ():
        data = {**post, "reaction_type": reaction.get("type"), "reaction_count": reaction.get("count")}
        row = build(_SHAPE.post_reactions, data, _content(_SHAPE.post_reactions))
        yield {**_hashed(row, now), "_deleted_at": None}


def gone_reaction_row(key: Neutral, now: datetime) -> Row:
    """Return the row of `post_reactions` for a type that its post no longer has."""
    row = build(_SHAPE.post_reactions, {**key, "reaction_count": 0}, _content(_SHAPE.post_reactions))
    return {**_hashed(row, now), "_deleted_at": now}


def _content(table: Table) -> list[str]:
    return [name for column in table.c if not (name := column.name).startswith("_")]


def _hashed(row: Row, now: datetime) -> Row:
    return {**row, "_source_hash": content_hash(row), "_landed_at": now}
