"""Neutral dicts to rows, one function per kind of row. Pure: no clock, no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table

from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.convert import digest, text
from airflow_provider_meetings.warehouse.merge.row_builder import Builder, Row
from airflow_provider_meetings.warehouse.tables.tables import tables

Neutral = Mapping[str, Any]

# Rows do not depend on prefix and schema: only the shape is asked here.
_SHAPE = tables()
_STORED = ("uri", "size", "sha256", "media_type", "landed_at")
_STORED_OUTCOMES = frozenset({"landed", "resumed", "skipped", "replaced"})
_WAITING = frozenset(str(s) for s in RecordingState if s.waits or s is RecordingState.OVERDUE)
_READY, _GONE = str(RecordingState.READY), str(RecordingState.GONE)
_STATES = frozenset(str(state) for state in RecordingState)
_FILE_KEY = ("platform", "tenant", "recording_id", "file_id", "kind")


def _content(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.c if not column.name.startswith("_"))


# One that is forbidden or gone comes without what the platform said of it before, which stays.
_recording = Builder(_SHAPE.recordings, _content(_SHAPE.recordings), hashed=True, silent=("source",))
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
_post_key = Builder(_SHAPE.posts, _SHAPE.posts.primary_key.columns.keys())
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
TOMBSTONE = (*_post_key.names, "_landed_at", "_deleted_at")
REACTION = (*_reaction.names, "_source_hash", "_landed_at", "_deleted_at")

KNOWN_OF_A_RECORDING = frozenset(RECORDING) - {
    "state",
    "state_code",
    "reason",
    "_source_hash",
    "_landed_at",
    "_deleted_at",
}


@dataclass(frozen=True, slots=True)
class RunKey:
    """Which try of which task loads; -1 is the map index of a task that is not mapped, and the first try is 1."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


def no_mapping(given: Iterable[object]) -> str | None:
    """Return the name of the first class among the values that is no mapping, if there is one."""
    return next((type(one).__name__ for one in given if not isinstance(one, Mapping)), None)


def _listed(table: Table, owner: Neutral, name: str) -> Sequence[Neutral]:
    found = owner.get(name) or ()
    if not isinstance(found, list | tuple) or no_mapping(found) is not None:
        raise LoadError.at(table, f"{name!r} is no list of mappings of names to values")
    return found


def numbered_recording_rows(batch: Sequence[Neutral], first: int, now: datetime) -> list[Row]:
    """Return the rows of `recordings`, with the number behind each that tells which files there are, and are no more.

    A recording has no row while it has no id; one that is gone is a tombstone.

    :param first: the number of the first.
    """
    numbers = [number for number, one in enumerate(batch, first) if one.get("recording_id") is not None]
    named = [batch[number - first] for number in numbers]
    states = [recording.get("state") for recording in named]
    gone = [now if state == _GONE else None for state in states]
    listed = [bool(_listed(_SHAPE.recording_files, one, "files")) for one in named]
    # Ready without files says nothing of them: it was asked for without.
    tells = [
        number if state == _GONE or (state == _READY and some) else None
        for number, state, some in zip(numbers, states, listed, strict=True)
    ]
    return _recording(named, now, gone, tells)


def numbered_file_rows(batch: Sequence[Neutral], first: int, now: datetime) -> list[Row]:
    """Return the declared half of the rows of `recording_files`, each with the number of its recording behind it.

    :param first: the number of the first recording.
    """
    files = []
    numbers = []
    for number, recording in enumerate(batch, first):
        listed = _listed(_SHAPE.recording_files, recording, "files")
        if listed and recording.get("recording_id") is not None:
            owner = {name: recording.get(name) for name in ("platform", "tenant", "recording_id")}
            files += [{**file, **owner} for file in listed]
            numbers += [number] * len(listed)
    return [(*row, number) for row, number in zip(_declared(files, now, None), numbers, strict=True)]


def stored_file_rows(batch: Sequence[Neutral], now: datetime) -> list[Row]:
    """Return the landed half of the rows of `recording_files`, for each file of which there is an object."""
    return _stored([stored for stored in batch if stored.get("outcome") in _STORED_OUTCOMES], now)


def landing_rows(batch: Sequence[Neutral], run: RunKey, now: datetime) -> list[Row]:
    """Return the rows of `landings`: what one try of one task did with each file, whatever came of it."""
    task = asdict(run)
    # Builds the keys of the files' own rows, for their checks: a landing without a file could never be joined.
    keys = [digest([*task.values(), *file]) for _, _, *file in _file_key(batch)]
    landed = [{**stored, **task, "landing_id": key, "_landed_at": now} for stored, key in zip(batch, keys, strict=True)]
    return _landing(landed)


def window_rows(summary: Neutral, run: RunKey, now: datetime) -> list[Row]:
    """Return the rows of `discovery_windows`: each listing that was followed to its end."""
    listed = []
    for window in summary.get("windows") or ():
        asked = [window.get(name) for name in ("endpoint", "selector", "start", "end")]
        if "number" in window:  # what was asked for is redacted
            asked.append(window["number"])
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
        listed.append(data)
    return _window(listed)


def clock_rows(summary: Neutral, now: datetime) -> list[Row]:
    """Return a row of `sync_clocks` for each window with an end that was listed completely.

    None for one of which nobody knows what was asked for: its clock would stand for others, too.
    """
    listed = []
    for window in summary.get("windows") or ():
        if window.get("complete") and window.get("end") is not None and "number" not in window:
            data = {
                "platform": summary.get("platform"),
                "tenant": summary.get("tenant"),
                "clock_id": digest([window.get("endpoint"), window.get("selector")]),
                "endpoint": window.get("endpoint"),
                "selector": window.get("selector"),
                "seen_until": window.get("end"),
                "_landed_at": now,
            }
            listed.append(data)
    return _clock(listed)


def waits(recording: Neutral) -> bool:
    """Tell whether the recording is one to ask for again: not yet there, or given up waiting for.

    :raises LoadError: for a state that there is not.
    """
    given = str(recording.get("state"))
    if given not in _STATES:
        raise LoadError.at(_SHAPE.recordings, "column 'state' is none of the states of a recording")
    return given in _WAITING


def pending_rows(batch: Sequence[Neutral], now: datetime) -> list[Row]:
    """Return the rows of `pending_items`: under its own key what waits, under all it may have waited as what does not.

    None for one that has both id and answer: what waited for that is found by its row in `recordings`.
    """
    items = []
    for recording in batch:
        waiting = waits(recording)
        if waiting or recording.get("recording_id") is None:
            keys = _item_keys(recording)
            data = {**recording, "first_seen_at": now, "last_seen_at": now, "settled_at": None if waiting else now}
            items += [{**data, "item_key": key} for key in (keys[:1] if waiting else keys)]
    return _pending(items)


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


def numbered_post_rows(batch: Sequence[Neutral], first: int, now: datetime) -> list[Row]:
    """Return the rows of `posts` that are there, each with its number behind it.

    :param first: the number of the first.
    """
    numbers = [number for number, post in enumerate(batch, first) if not post.get("deleted")]
    built = _post([batch[number - first] for number in numbers], now, None)
    return [(*row, number) for row, number in zip(built, numbers, strict=True)]


def numbered_tombstone_rows(batch: Sequence[Neutral], first: int, now: datetime) -> list[Row]:
    """Return the key of each post that is gone, and when, with its number behind it.

    :param first: the number of the first post.
    """
    numbers = [number for number, post in enumerate(batch, first) if post.get("deleted")]
    built = _post_key([batch[number - first] for number in numbers], now, now)
    return [(*row, number) for row, number in zip(built, numbers, strict=True)]


def numbered_reaction_rows(batch: Sequence[Neutral], first: int, now: datetime) -> list[Row]:
    """Return the rows of `post_reactions` of the posts that are there, each with the number of its post behind it."""
    given = []
    numbers = []
    for number, post in enumerate(batch, first):
        for reaction in () if post.get("deleted") else _listed(_SHAPE.post_reactions, post, "reactions"):
            given.append({**post, "reaction_type": reaction.get("type"), "reaction_count": reaction.get("count")})
            numbers.append(number)
    return [(*row, number) for row, number in zip(_reaction(given, now, None), numbers, strict=True)]
