"""Which columns may be redacted, how, and what else tells the same: the other columns, the platforms' own fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import JSON, Column, Table, Text

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.plans import PostPlan, RecordingPlan
from airflow_provider_meetings.warehouse.load.transcripts import ContentPlan
from airflow_provider_meetings.warehouse.tables.tables import tables
from airflow_provider_meetings.warehouse.tables.types import Id

Action = Literal["hash", "drop"]
ACTIONS: tuple[Action, ...] = ("hash", "drop")

KEPT: Mapping[str, str] = {
    "platform": "the loader decides by it",
    "kind": "the loader decides by it",
    "state": "the loader decides by it",
    "outcome": "the loader decides by it",
    "endpoint": "it names the platform's endpoint",
    "from_at": "it is no person's",
    "to_at": "it is no person's",
    "complete": "the loader decides by it",
    "landing_id": "it is made of columns that can be redacted",
    "window_id": "it is made of columns that can be redacted",
    "clock_id": "it is made of columns that can be redacted",
    "item_key": "it is made of columns that can be redacted: redact recording_id, meeting_id or meeting_number",
    "selector": "it is redacted with owner_id, meeting_id, meeting_number or recording_id",
    "segment_no": "it counts the rows",
    "item_no": "it counts the rows",
    "dag_id": "it is the task's own",
    "run_id": "it is the task's own",
    "task_id": "it is the task's own",
    "map_index": "it is the task's own",
    "try_number": "it is the task's own",
    "pages": "it is the task's own",
    "items": "it is the task's own",
    "first_seen_at": "it is the task's own",
    "last_seen_at": "it is the task's own",
    "settled_at": "it is the task's own",
    "seen_until": "it is the task's own",
    "settled_until": "it is the task's own",
    "finished_at": "it is the task's own",
}
"""Columns that are never redacted, and why."""

IMPLIED: Mapping[str, tuple[str, ...]] = {
    "content": ("content_text",),
    "content_text": ("content",),
    "author_kind": ("author_kind_code",),
    "author_kind_code": ("author_kind",),
    "state_code": ("reason",),
}
"""Columns that tell the same as another: they are dropped with it, unless they are named, too."""

# pending_items has them in its key, until a recording has an id.
_KEYS = frozenset({"meeting_id", "meeting_number"})

# Both platforms' own names of what a column holds; their pages are named where `platforms` reads these fields.
_VENDOR_NAMES: Mapping[str, tuple[str, ...]] = {
    "recording_id": ("token", "minute_token", "meeting_record_id"),
    "file_id": ("token", "minute_token", "record_file_id"),
    "meeting_id": ("meetingid",),
    "meeting_number": ("meeting_code", "meeting_no"),
    "owner_id": ("host_user_id", "userid"),
    "title": ("topic", "record_name", "meeting_record_name"),
    "started_at": ("create_time", "start_time", "meeting_start_time", "record_start_time"),
    "ended_at": ("end_time", "record_end_time"),
    "duration_ms": ("duration",),
    "page_url": ("url", "view_address", "sharing_url"),
    "declared_size": ("record_size",),
    "post_id": ("id",),
    "author_id": ("user_id",),
    "author_kind": ("user_type",),
    "created_at": ("create_time",),
    "content_text": ("content",),
    "image_keys": ("image_key_list",),
    "reaction_total": ("total_count",),
    "reaction_type": ("reaction_set",),
    "reaction_count": ("reaction_set",),
    "category_ids": ("category_id_list",),
    "summary": ("summary_content",),
    "viewers": ("user_view_list",),
    "same_corp_only": ("required_same_corp",),
    "attendees_only": ("required_attendee",),
    "has_password": ("password",),
}
LISTS = frozenset({"category_ids", "image_keys", "assignees", "viewers"})
"""Lists of texts, of which each can be hashed; of viewers the ids are."""

UNREAD: Mapping[str, str] = {
    "userid": "speaker_id",
    "speaker_id": "speaker_id",
    "speaker_name": "speaker_name",
    "name": "speaker_name",
    "nick_name": "speaker_name",
    "nickname": "speaker_name",
    "user_id": "viewers",
}
"""Names of fields in transcripts, to-dos and statistics by which people are found there, of whatever form these are,
and the column that each would have been. No page has names of speakers: these are likely ones."""


def vendor_names(column: Column[object]) -> frozenset[str]:
    """Return the names under which `source` holds the same."""
    own = column.info.get("source")
    return frozenset({column.name, *_VENDOR_NAMES.get(column.name, ()), *((own,) if own else ())})


def is_key(column: Column[object]) -> bool:
    """Tell whether rows are told apart by it."""
    return bool(column.primary_key) or column.name in _KEYS


def actions_of(column: Column[object]) -> tuple[Action, ...]:
    """Return what may be done with a column: nothing, ``drop``, or both; a key column is never dropped."""
    if column.name in KEPT or column.name.startswith("_"):
        return ()
    hashed = isinstance(column.type, (Id, Text)) or column.name in LISTS
    if is_key(column):
        return ("hash",) if hashed else ()
    return ACTIONS if (hashed and not isinstance(column.type, JSON)) or column.name in LISTS else ("drop",)


def redactable(tables: Iterable[Table]) -> dict[str, tuple[Action, ...]]:
    """Return what may be done with each column that can be redacted, in all tables that have it."""
    found: dict[str, tuple[Action, ...]] = {}
    for table in tables:
        for column in table.columns:
            taken = actions_of(column)
            found[column.name] = tuple(a for a in taken if a in found.get(column.name, taken))
    return {name: taken for name, taken in sorted(found.items()) if taken}


def check(redact: Mapping[str, str], tables: Iterable[Table]) -> None:
    """Check what is asked for.

    :raises LoadError: naming a column that none of the tables has or that is not redacted, or an action that there is
        not or that the column does not take.
    """
    written = list(tables)
    possible = redactable(written)
    for name, action in redact.items():
        if name in KEPT and any(name in table.columns for table in written):
            raise LoadError(f"redact: column {name!r} is not redacted: {KEPT[name]}")
        if name not in possible:
            raise LoadError(f"redact: there is no column {str(name)[:60]!r} to redact; there are {', '.join(possible)}")
        if action not in ACTIONS:
            raise LoadError(f"redact: {name!r} must be one of {', '.join(ACTIONS)}, got {str(action)[:60]!r}")
        if action not in possible[name]:
            reason = "is part of a key" if action == "drop" else "holds no text"
            raise LoadError(f"redact: column {name!r} {reason}, and cannot be {action!r}; {possible[name][0]!r} can be")


# Rows do not depend on the time, nor on prefix and schema: only the shape is asked here.
_SHAPE = tables()
_NEVER = datetime.min.replace(tzinfo=UTC)

CONTENTS = tuple(ContentPlan(_SHAPE, _NEVER, read_back=True).tables)
"""What stands in files that are read back."""
RECORDINGS = (*RecordingPlan(_SHAPE, _NEVER).tables, *CONTENTS)
POSTS = tuple(PostPlan(_SHAPE, _NEVER).tables)
